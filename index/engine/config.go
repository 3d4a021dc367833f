package engine

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed config.xml.tmpl
var configText string

//go:embed users.xml.tmpl
var usersText string

var templates = template.Must(template.New("").Funcs(template.FuncMap{"xml": escapeXML, "share": share}).Parse(
	`{{define "config.xml"}}` + configText + `{{end}}{{define "users.xml"}}` + usersText + `{{end}}`))

func escapeXML(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// share is a part of the memory, in percent.
func share(memory int64, percent int64) int64 { return memory / 100 * percent }

// writeConfig writes ClickHouse's configuration and returns the path of its main file. It is written at each start:
// nobody edits it, and the engine can only read it.
func writeConfig(dir string, o Options) (string, error) {
	values := map[string]any{
		"Users": filepath.Join(dir, "users.xml"), "Memory": o.Memory, "Merges": o.Merges, "Readable": o.Readable,
		"OpenRoles": o.off.roles,
	}
	for _, name := range []string{"config.xml", "users.xml"} {
		var b strings.Builder
		if err := templates.ExecuteTemplate(&b, name, values); err != nil {
			return "", fmt.Errorf("engine: writing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o600); err != nil {
			return "", fmt.Errorf("engine: writing the configuration: %w", err)
		}
	}
	return filepath.Join(dir, "config.xml"), nil
}
