package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds --config and the flags of the named keys ("data", "debug_listen"), of all keys that
// have a flag if none is named.
func AddFlags(set *pflag.FlagSet, paths ...string) {
	set.String("config", "", "YAML `file`; see tributary config example (environment: "+configVariable+")")
	for _, f := range known().fields {
		if f.flag == "" || (len(paths) > 0 && !slices.Contains(paths, f.path)) {
			continue
		}
		usage := flagUsage(f)
		if f.preset == "false" {
			set.Bool(f.flag, false, usage)
		} else {
			set.String(f.flag, f.preset, usage)
		}
	}
}

// flagUsage is the first sentence of the field's doc.
func flagUsage(f *field) string {
	sentence, _, _ := strings.Cut(f.doc, ". ")
	return strings.TrimSuffix(sentence, ".")
}

// Path is the file that is read, "" if there is none.
func (in Input) Path() string {
	if in.File != "" {
		return in.File
	}
	for _, variable := range in.Environ {
		if path, ok := strings.CutPrefix(variable, configVariable+"="); ok {
			return path
		}
	}
	return ""
}

// FromFlags is the Input of a command whose flags were added by AddFlags.
func FromFlags(set *pflag.FlagSet, environ []string) Input {
	in := Input{Environ: environ, Flags: map[string][]string{}}
	set.Visit(func(given *pflag.Flag) {
		if given.Name == "config" {
			in.File = given.Value.String()
			return
		}
		if f, ok := known().byFlag[given.Name]; ok {
			in.Flags[given.Name] = f.split(given.Value.String())
		}
	})
	return in
}
