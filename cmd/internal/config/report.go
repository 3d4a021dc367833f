package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
)

// Report writes each key with the value in use and where it came from.
func Report(w io.Writer, c Config, origins Origins) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range known().fields {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.path, f.show(&c), origins[f.path])
	}
	return table.Flush()
}

// show is the value for people's eyes.
func (f *field) show(c *Config) string {
	text := strings.Join(formatValue(f.in(c)), ", ")
	switch {
	case text == "":
		return "-"
	case f.secret == "true":
		return "(set)"
	case f.secret == "url":
		return redact(text)
	}
	return text
}

// redact hides the password of a URL, also among its parameters.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(set)"
	}
	hidden := u.Query()
	for name := range hidden {
		if strings.Contains(name, "password") {
			hidden.Set(name, "xxxxx")
			u.RawQuery = hidden.Encode()
		}
	}
	if u.User == nil && u.RawQuery == "" {
		return text
	}
	return u.Redacted()
}
