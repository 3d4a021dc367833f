package config

import (
	"fmt"
	"io"
	"strings"
)

const exampleWidth = 100 // columns

const exampleHead = `# Configuration of Tributary. Every key is here, with its default; take the # from those to change.
# A variable beats this file: kafka.brokers is TRIBUTARY_KAFKA_BROKERS.
# Check with: tributary config check --config FILE
`

// Example writes the documented file: all keys with their defaults, commented out.
func Example(w io.Writer) error {
	var b strings.Builder
	b.WriteString(exampleHead)
	last := ""
	for _, f := range known().fields {
		last = exampleSections(&b, last, f.path)
		indent := strings.Repeat("  ", strings.Count(f.path, "."))
		b.WriteString("\n")
		comment(&b, indent, f.doc)
		fmt.Fprintf(&b, "%s#%s: %s\n", indent, f.path[strings.LastIndex(f.path, ".")+1:], f.yaml())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// exampleSections writes the sections of path that last, the section before it, was not in.
func exampleSections(b *strings.Builder, last, path string) string {
	parts := strings.Split(path, ".")
	for i := 1; i < len(parts); i++ {
		name := strings.Join(parts[:i], ".")
		if last == name || strings.HasPrefix(last, name+".") {
			continue
		}
		indent := strings.Repeat("  ", i-1)
		b.WriteString("\n")
		comment(b, indent, known().sections[name].doc)
		fmt.Fprintf(b, "%s%s:\n", indent, parts[i-1])
	}
	return strings.Join(parts[:len(parts)-1], ".")
}

// comment writes text as lines of a comment. A blank follows the #, and none a key's.
func comment(b *strings.Builder, indent, text string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > exampleWidth {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// yaml is the default as it stands in the file.
func (f *field) yaml() string {
	presets := f.presets()
	if f.list() && len(presets) != 1 {
		return "[" + strings.Join(presets, ", ") + "]"
	}
	if presets[0] == "" {
		return `""`
	}
	return presets[0]
}
