package rules

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// SQL is written once for SQLite and PostgreSQL: ingest/state/migrations/0001_spine.sql.
var (
	statement  = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP)\s`)
	unportable = []struct {
		pattern *regexp.Regexp
		instead string
	}{
		{regexp.MustCompile(`\?`), "$1, $2 …"},
		{regexp.MustCompile(`(?i)\bINSERT\s+OR\s|\bREPLACE\s+INTO\b`), "ON CONFLICT"},
		{regexp.MustCompile(`(?i)\browid\b|\bAUTOINCREMENT\b|\bWITHOUT\s+ROWID\b`), "a key of our own"},
		{regexp.MustCompile(`(?i)\b(datetime|strftime|julianday|unixepoch|instr|ifnull|iif|total|group_concat|last_insert_rowid|changes)\s*\(`), "what both know (COALESCE, CASE, milliseconds as BIGINT), or Go"},
		{regexp.MustCompile(`(?i)\bGLOB\b|\bPRAGMA\b|\bINDEXED\s+BY\b|\bCOLLATE\s+NOCASE\b`), "what both know"},
		{regexp.MustCompile(`(?i)\b(BLOB|DATETIME|INTEGER|INT|TINYINT|BOOLEAN|SERIAL|BIGSERIAL|JSONB|TIMESTAMPTZ?)\b`), "BYTEA, BIGINT, SMALLINT, TEXT"},
		{regexp.MustCompile("`|\\[\\w+\\]"), "plain names"},
		{regexp.MustCompile(`(?i)LIMIT\s+\S+\s*,`), "LIMIT … OFFSET …"},
	}
)

func TestSQLInCode(t *testing.T) {
	found := 0
	for _, f := range tree(t) {
		if f.test || inside(f.dir, "index") { // index speaks ClickHouse's SQL
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && statement.MatchString(text) {
				found++
				checkSQL(t, f.at(n), text)
			}
			return true
		})
	}
	if found == 0 {
		t.Error("no SQL was found at all")
	}
}

func TestSQLInMigrations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "ingest/state/migrations/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		line := 0
		for text := range strings.Lines(string(text)) {
			line++
			code, _, _ := strings.Cut(text, "--")
			checkSQL(t, filepath.Base(name)+":"+strconv.Itoa(line), code)
		}
	}
}

func checkSQL(t *testing.T, at, text string) {
	for _, u := range unportable {
		if hit := u.pattern.FindString(text); hit != "" {
			t.Errorf("%s: %q is not for both SQLite and PostgreSQL: use %s", at, hit, u.instead)
		}
	}
}
