package config

import (
	"errors"
	"fmt"
)

// Input is where to look.
type Input struct {
	File    string              // path of the YAML file; "": TRIBUTARY_CONFIG, and without it none
	Environ []string            // as os.Environ
	Flags   map[string][]string // texts of the flags that were given, by name
}

// Origins tells for each key where its value was written: "--listen", "TRIBUTARY_LISTEN",
// "tributary.yaml:12", "default".
type Origins map[string]string

const originDefault = "default"

// Said says whether a value was written anywhere.
func (o Origins) Said(path string) bool { return o[path] != originDefault }

// Load reads all sources and checks the whole. The error names every fault, one a line.
func Load(in Input) (Config, Origins, error) {
	l := &loader{origins: Origins{}}
	for _, f := range known().fields {
		l.set(f, f.presets(), originDefault)
	}
	env := l.environ(in.Environ)
	file := in.File
	if file == "" {
		file = env[configVariable]
	}
	if file != "" {
		l.file(file)
	}
	for _, f := range known().fields {
		// An empty variable says nothing: compose files pass on what is not set as empty.
		if text := env[f.env]; text != "" {
			l.set(f, f.split(text), f.env)
		}
		if texts, ok := in.Flags[f.flag]; ok && f.flag != "" {
			l.set(f, texts, "--"+f.flag)
		}
	}
	if len(l.faults) == 0 { // rules would complain about the defaults in the place of what was meant
		l.rules()
	}
	return l.config, l.origins, errors.Join(l.faults...)
}

type loader struct {
	config  Config
	origins Origins
	faults  []error
}

func (l *loader) set(f *field, texts []string, origin string) {
	l.origins[f.path] = origin
	if err := f.set(&l.config, texts); err != nil {
		l.fault(f.path, err)
	}
}

// fault notes that the value of a key will not do, and where it was written.
func (l *loader) fault(path string, err error) {
	origin := l.origins[path]
	if origin == originDefault {
		l.faults = append(l.faults, fmt.Errorf("%s: %w", path, err))
		return
	}
	l.faults = append(l.faults, fmt.Errorf("%s: %s: %w", origin, path, err))
}
