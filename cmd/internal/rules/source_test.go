package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "tributary"

// A file is a Go file of the tree.
type file struct {
	path string // from the root, with slashes
	dir  string // its folder: its package's path in the module
	test bool   // ends in _test.go
	ast  *ast.File
	pos  *token.FileSet
}

// root is the folder with go.mod.
const root = "../../.."

var parsed = sync.OnceValues(func() ([]file, error) {
	var files []file
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch base := entry.Name(); {
			case name == root:
				return nil
			case strings.HasPrefix(base, "."), base == "testdata", base == "node_modules", base == "bin", base == "data":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		files = append(files, file{
			path: relative, dir: path.Dir(relative), ast: tree, pos: set,
			test: strings.HasSuffix(relative, "_test.go"),
		})
		return nil
	})
	return files, err
})

// tree returns every Go file. The rules see nothing if it finds nothing, so that is a failure.
func tree(t *testing.T) []file {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	files, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files were found", len(files))
	}
	return files
}

// at is a place in the file, as path:line.
func (f file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.pos.Position(n.Pos()).Line)
}

func importPath(spec *ast.ImportSpec) string {
	s, _ := strconv.Unquote(spec.Path.Value)
	return s
}

// names maps the names under which the file uses its imports to their paths.
func (f file) names() map[string]string {
	names := map[string]string{}
	for _, spec := range f.ast.Imports {
		p := importPath(spec)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// inside reports whether dir is folder or below it.
func inside(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}
