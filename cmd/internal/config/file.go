package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// file reads a YAML file. It walks the syntax tree itself, so that every key and value is known
// with its line, and text means the same as in a variable.
func (l *loader) file(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		l.faults = append(l.faults, fmt.Errorf("config: reading the file: %w", err))
		return
	}
	r := &fileReader{loader: l, path: path}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntax(err)
		return
	}
	for i, doc := range tree.Docs {
		if i > 0 && doc.Body != nil {
			r.failAt(doc.Body, "a second document: the file is one")
			return
		}
		r.mapping("", doc.Body)
	}
}

type fileReader struct {
	*loader
	path string
}

func (r *fileReader) syntax(err error) {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		err = fmt.Errorf("%s:%d: %s", r.path, e.GetToken().Position.Line, e.GetMessage())
	} else {
		err = fmt.Errorf("%s: %w", r.path, err)
	}
	r.faults = append(r.faults, err)
}

func (r *fileReader) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", r.path, n.GetToken().Position.Line)
}

func (r *fileReader) failAt(n ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: "+format, append([]any{r.at(n)}, args...)...))
}

// mapping reads the keys of a section; prefix is "" or ends with a dot.
func (r *fileReader) mapping(prefix string, n ast.Node) {
	if empty(n) {
		return // a section whose keys are all commented out
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		r.failAt(n, "%skeys and values are expected here", inSection(prefix))
		return
	}
	for i := m.MapRange(); i.Next(); {
		key := i.Key()
		path := prefix + key.GetToken().Value
		if _, ok := known().sections[path]; ok {
			r.mapping(path+".", i.Value())
		} else if f, ok := known().byPath[path]; ok {
			r.value(f, key, i.Value())
		} else {
			r.unknown(prefix, path, key)
		}
	}
}

func (r *fileReader) value(f *field, key, n ast.Node) {
	if empty(n) {
		return
	}
	texts, ok := scalars(n)
	if !ok {
		r.failAt(key, "%s: a plain value%s is expected here", f.path, map[bool]string{true: " or a list of them"}[f.list()])
		return
	}
	r.set(f, texts, r.at(key))
}

// unknown says which key was meant: one of the same section, or one by its whole path.
func (r *fileReader) unknown(prefix, path string, key ast.Node) {
	near := map[string]string{} // what to compare with: the path
	for _, candidate := range slices.Concat(slices.Collect(maps.Keys(known().byPath)), slices.Collect(maps.Keys(known().sections))) {
		if name, ok := strings.CutPrefix(candidate, prefix); ok && !strings.Contains(name, ".") {
			near[name] = candidate
		}
	}
	name := strings.TrimPrefix(path, prefix)
	best := Nearest(name, slices.Sorted(maps.Keys(near)))
	if distance(name, best) > max(2, len(best)/2) { // nothing like it in this section: another section?
		for _, f := range known().fields {
			if f.path == name || strings.HasSuffix(f.path, "."+name) {
				near[best] = f.path
			}
		}
	}
	r.failAt(key, "%sthere is no key %q: did you mean %s?", inSection(prefix), name, near[best])
}

func inSection(prefix string) string {
	if prefix == "" {
		return ""
	}
	return strings.TrimSuffix(prefix, ".") + ": "
}

func empty(n ast.Node) bool {
	return n == nil || n.Type() == ast.NullType || n.Type() == ast.CommentType
}

// scalars are the texts of a plain value or a list of them.
func scalars(n ast.Node) ([]string, bool) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		text, ok := scalar(n)
		return []string{text}, ok
	}
	texts := []string{}
	for _, item := range list.Values {
		text, ok := scalar(item)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false // null in a list, mappings, anchors, aliases, tags
}
