package config

import (
	"fmt"
	"slices"
	"strings"
)

// configVariable names the file, as --config does.
const configVariable = envPrefix + "CONFIG"

// environ returns the variables that are ours; one that we do not know is a fault.
func (l *loader) environ(environ []string) map[string]string {
	ours := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == crashVariable {
			continue
		}
		if names := variables(); !slices.Contains(names, name) {
			l.faults = append(l.faults, fmt.Errorf("%s: there is no such variable: did you mean %s?", name, Nearest(name, names)))
			continue
		}
		ours[name] = value
	}
	return ours
}

// variables are all names that are known.
func variables() []string {
	names := []string{configVariable}
	for _, f := range known().fields {
		names = append(names, f.env)
	}
	return names
}

// split is how a variable or a flag says the field's value.
func (f *field) split(text string) []string {
	if f.list() {
		return splitList(text)
	}
	return []string{text}
}
