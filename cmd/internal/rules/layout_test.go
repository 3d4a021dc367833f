package rules

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The folders at the top, and those that git ignores. A new one is a decision, not an accident.
var (
	folders = []string{"cmd", "ingest", "index", "stream", "relay", "deploy"}
	ignored = []string{"bin", "data"}
)

func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case entry.IsDir() && !slices.Contains(folders, name) && !slices.Contains(ignored, name):
			t.Errorf("there is a folder %s at the top; code lives in %q", name, folders)
		case strings.HasSuffix(name, ".go"):
			t.Errorf("there is a Go file %s at the top; code lives in %q", name, folders)
		case name == "package.json" || name == "package-lock.json" || name == "node_modules":
			t.Errorf("%s stands at the top; npm packages stand beside what uses them", name)
		}
	}
}

// Packages are named by what they hold; these names say nothing.
var nameless = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared", "base", "lib", "types", "models"}

func TestPackages(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range tree(t) {
		if slices.Contains(nameless, path.Base(f.dir)) {
			t.Errorf("%s: a package is named by what it holds", f.path)
		}
		if f.ast.Doc != nil {
			documented[f.dir] = true
		} else if _, ok := documented[f.dir]; !ok {
			documented[f.dir] = false
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package doc: what it is for, what it does not do, what always holds, which file is which", dir)
		}
	}
}
