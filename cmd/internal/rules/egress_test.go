package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// Who may make what connects to other machines. Everybody else asks ingest/remote, which looks at the
// address that it connects to: a second client would call whatever private address a stranger names.
var mayConnect = map[string]string{
	"ingest/remote":           "it is the one client",
	"ingest/folder":           "connects to unix sockets",
	"index/engine/enginetest": "asks a server that it started, for tests",
	"ingest/ingesttest":       "cuts connections to a Kafka, for tests",
	"relay/admin":             "the operator's command connects to the program's unix socket",
	"relay/simulator":         "is other servers, for tests",
	"cmd/load":                "is other servers and readers, for measurements",
	"cmd/demo":                "reads the relay that it started",
	"cmd/internal/e2e":        "is other servers and readers, for tests",
}

// What connects, by package: types whose values do, functions and variables.
var connects = map[string][]string{
	"net/http":                     {"Client", "Transport", "Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport"},
	"net/http/httputil":            {"ReverseProxy", "NewSingleHostReverseProxy"},
	"net":                          {"Dial", "DialTimeout", "DialIP", "DialTCP", "DialUDP", "DialUnix", "Dialer"},
	"crypto/tls":                   {"Dial", "DialWithDialer", "Dialer"},
	"net/rpc":                      {"Dial", "DialHTTP", "DialHTTPPath"},
	"net/smtp":                     {"Dial", "SendMail"},
	"github.com/gorilla/websocket": {"Dialer", "DefaultDialer", "NewClient"},
}

func TestOneClient(t *testing.T) {
	used := map[string]bool{}
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		for _, found := range connections(f) {
			if _, ok := mayConnect[f.dir]; ok {
				used[f.dir] = true
				continue
			}
			t.Errorf("%s: %s.%s: only ingest/remote connects to other machines, as it checks which", f.at(found), found.X, found.Sel.Name)
		}
	}
	for dir, reason := range mayConnect {
		if !used[dir] && dir != "cmd/internal/e2e" && dir != "cmd/load" {
			t.Errorf("%s may connect (%s), and does not: remove it from the list", dir, reason)
		}
	}
}

// connections finds where a file makes or uses what connects. A pointer type (*http.Client in a
// field or a parameter) makes nothing.
func connections(f file) []*ast.SelectorExpr {
	names := f.names()
	var found []*ast.SelectorExpr
	pointers := map[ast.Expr]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			pointers[n.X] = true
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && !pointers[n] && slices.Contains(connects[names[pkg.Name]], n.Sel.Name) {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

// The rule sees what it is for.
func TestConnections(t *testing.T) {
	const head = "package p\nimport (\n\t\"net/http\"\n\tstd \"net/http\"\n\t\"net\"\n)\n"
	for code, want := range map[string]int{
		`var c = &http.Client{}`:                             1,
		`var c = new(std.Client)`:                            1,
		`var c http.Client`:                                  1,
		`type t struct{ http.Client }`:                       1,
		`var t = http.Transport{}`:                           1,
		`var c = http.DefaultTransport.(*http.Transport)`:    1,
		`func f() { http.Get("http://127.0.0.1") }`:          1,
		`func f() { g := http.Post; _ = g }`:                 1,
		`var d net.Dialer`:                                   1,
		`func f(c *http.Client, r *http.Request) { c.Get }`:  0,
		`type t struct{ c *http.Client }`:                    0,
		`var l, _ = net.Listen("tcp", "")`:                   0,
		`var s = http.Server{}`:                              0,
		`type http2 struct{}; var http struct{ Server int }`: 0,
	} {
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, "p.go", head+code, parser.SkipObjectResolution)
		if tree == nil {
			t.Fatal(err)
		}
		if got := connections(file{ast: tree, pos: set}); len(got) != want {
			t.Errorf("%s: found %d", code, len(got))
		}
	}
}
