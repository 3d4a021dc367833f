package rules

import (
	"slices"
	"strings"
	"testing"
)

// The spine: cmd → {relay, stream} → index → ingest. A folder imports itself and what stands here.
var layers = map[string]struct {
	imports []string
	reason  string
}{
	"ingest": {nil, "the log is the bottom: index, streams and relay are cursors over it, and it knows none of them"},
	"index":  {[]string{"ingest"}, "rows are made of records; how they are served is not its business"},
	"stream": {[]string{"index", "ingest"}, "streams and relay meet in cmd only, so that each runs without the other"},
	"relay":  {[]string{"index", "ingest"}, "streams and relay meet in cmd only, so that each runs without the other"},
	"cmd":    {[]string{"relay", "stream", "index", "ingest"}, "the program puts the parts together"},
}

// Packages that may import less than their folder may. Tests of theirs are free within the folder.
var leaves = []struct {
	dir     string
	imports []string // of ours
	reason  string
}{
	{"ingest/ap", nil, "parses strangers' documents: pure, so that it can be fuzzed, and used wherever old documents are read again"},
	{"ingest/signature", nil, "judges requests by what is in them; where keys come from is its caller's affair"},
	{"ingest/folder", nil, "broker, engine, program and operators' commands meet in folders, whatever is in them"},
	{"ingest/broker", []string{"ingest/folder"}, "stands in for a Kafka: it must know no more of us than a Kafka does"},
	{"ingest/child", nil, "runs our own binary as a child, whatever the child does"},
	{"ingest/state", []string{"ingest/child/beside"}, "opens and migrates; SQL lives with the package that owns the table; its tests' PostgreSQL runs beside them"},
	{"ingest/landlock", nil, "takes rights away from whoever asks"},
	{"ingest/signer", []string{"ingest/child", "ingest/landlock"}, "signs digests, whatever they are of"},
	{"ingest/crashpoint", nil, "every package may name a crash point, so it can import none"},
	{"ingest/token", []string{"ingest/state"}, "streams, relay and operators all ask it"},
	{"ingest/remote", []string{"ingest/ap", "ingest/signature", "ingest/state"}, "admission uses it to fetch, so it cannot know the log"},
	{"relay/simulator", []string{"ingest/signature"}, "a fake that shared more with the product would share its faults"},
	{"cmd/load", []string{"relay/simulator"}, "measures what can be reached from outside, through public protocols"},
	{"cmd/demo", []string{"relay/simulator", "relay/admin"}, "shows what anybody could learn, and the operator by the socket"},
	{"cmd/internal/config", nil, "what an operator says can be read without the parts that it is about"},
	{"cmd/internal/e2e", []string{"relay/simulator"}, "asserts what is on the wire, not what the code thinks"},
	{"cmd/internal/rules", nil, "reads the tree, runs none of it"},
}

// What only tests and what they are made of may import.
var testOnly = map[string]struct {
	by     []string
	reason string
}{
	module + "/ingest/child/childtest": {[]string{"ingest/child/childtest"}, "it is what tests of children have in common"},
	module + "/ingest/child/beside": {
		[]string{"index/engine/enginetest", "ingest/ingesttest/kafka", "ingest/state/statetest/postgres"}, "it starts servers for tests",
	},
	module + "/ingest/ingesttest":      {[]string{"ingest/ingesttest"}, "it is a log for tests"},
	module + "/ingest/state/statetest": {[]string{"ingest/state/statetest", "ingest/ingesttest"}, "it is a database for tests"},
	module + "/relay/simulator":        {[]string{"relay/simulator", "cmd/load", "cmd/demo"}, "the product must not come with a fake fediverse"},
	"testing":                          {[]string{"ingest/child/childtest", "ingest/ingesttest", "ingest/state/statetest", "ingest/testseed", "relay/simulator"}, "it adds its flags to the program"},
}

// What has one place in the product, or none.
var confined = []struct {
	prefix string
	by     []string
	reason string
}{
	{"modernc.org/sqlite", []string{"ingest/state", "relay/migrate"}, "the others write SQL that PostgreSQL understands too; migrate reads the file of another program"},
	{"github.com/jackc/pgx/v5", []string{"ingest/state"}, "the others write SQL that SQLite understands too"},
	{"github.com/twmb/franz-go", []string{"ingest/broker", "ingest/ingesttest"}, "it is the embedded broker; the product speaks to any Kafka with kafka-go"},
	{"github.com/segmentio/kafka-go", []string{"ingest", "cmd/internal/daemon"}, "the log is read and written in one place"},
	{"github.com/go-fed/httpsig", []string{"ingest/signature", "relay/simulator"}, "it must never see a stranger's request: see the package doc of ingest/signature"},
	{"github.com/piprate/json-gold", []string{"ingest/signature/linkeddata"}, "it loads contexts from the network unless it is kept from it"},
	{"github.com/dunglas/httpsfv", []string{"ingest/signature"}, "it resolves silently what comes twice: see message.go there"},
	{"github.com/gowebpki/jcs", []string{"ingest/signature/proof"}, "what is signed is made canonical in one place"},
	{"github.com/microcosm-cc/bluemonday", []string{"ingest/ap"}, "HTML is sanitised once, at the edge"},
	{"github.com/gorilla/websocket", []string{"stream", "cmd/load", "cmd/demo"}, "sockets are the streams'"},
	{"github.com/spf13/cobra", []string{"cmd/tributary", "cmd/load", "cmd/demo"}, "the command line is no part of what it calls"},
	{"github.com/caddyserver/certmagic", []string{"cmd/internal/daemon"}, "it connects to the authority by itself"},
	{"go.uber.org/zap", []string{"cmd/internal/daemon"}, "log/slog; certmagic wants one that is silent"},
	{"github.com/goccy/go-yaml", []string{"cmd/internal/config", "relay/migrate"}, "there is one configuration file; migrate reads that of another program"},
	{"github.com/pkg/errors", nil, "fmt.Errorf and errors.Join"},
	{"log", []string{"cmd/internal/daemon", "index/language"}, "log/slog, passed in; only http.Server.ErrorLog wants the old one, and a generator ends by it"},
	{"io/ioutil", nil, "io and os"},
	{"math/rand", nil, "math/rand/v2, and crypto/rand for what strangers must not guess"},
	{"unsafe", []string{"index/engine/chdb", "ingest/landlock", "ingest/signer/libcrypto"}, "no measurement asked for it; a library and system calls are called through it"},
	{"github.com/ebitengine/purego", []string{"index/engine/chdb", "ingest/signer/libcrypto"}, "it makes a program dynamically linked"},
	{module + "/index/engine/chdb", []string{"index/engine/server"}, "tributary is linked statically, and loads no library"},
	{module + "/ingest/signer/libcrypto", []string{"cmd/tributary-signer"}, "tributary is linked statically, and loads no library"},
	{module + "/index/engine/server", []string{"cmd/tributary-engine"}, "tributary is linked statically, and loads no library"},
}

func TestImports(t *testing.T) {
	for _, f := range tree(t) {
		for _, spec := range f.ast.Imports {
			path := importPath(spec)
			if ours, ok := strings.CutPrefix(path, module+"/"); ok {
				checkLayer(t, f, ours)
				checkLeaf(t, f, ours)
			}
			if f.test {
				continue
			}
			if rule, ok := testOnly[path]; ok && !slices.ContainsFunc(rule.by, func(dir string) bool { return inside(f.dir, dir) }) {
				t.Errorf("%s imports %s, which is for tests: %s", f.path, path, rule.reason)
			}
			for _, rule := range confined {
				if confinedTo(path, rule.prefix) && !slices.ContainsFunc(rule.by, func(dir string) bool { return inside(f.dir, dir) }) {
					t.Errorf("%s imports %s, which belongs to %q: %s", f.path, path, rule.by, rule.reason)
				}
			}
		}
	}
}

func checkLayer(t *testing.T, f file, ours string) {
	from, _, _ := strings.Cut(f.dir, "/")
	to, _, _ := strings.Cut(ours, "/")
	rule, ok := layers[from]
	if !ok {
		return // TestFolders
	}
	if from != to && !slices.Contains(rule.imports, to) {
		t.Errorf("%s imports %s, and %s imports only %q: %s", f.path, ours, from, rule.imports, rule.reason)
	}
}

func checkLeaf(t *testing.T, f file, ours string) {
	for _, leaf := range leaves {
		if f.test || !inside(f.dir, leaf.dir) || inside(ours, leaf.dir) || slices.Contains(leaf.imports, ours) {
			continue
		}
		t.Errorf("%s imports %s, and %s imports only %q of ours: %s", f.path, ours, leaf.dir, leaf.imports, leaf.reason)
	}
}

// confinedTo compares whole elements of a path; of the standard library, "log" is not "log/slog".
func confinedTo(path, rule string) bool {
	return path == rule || (strings.Contains(rule, ".") && strings.HasPrefix(path, rule+"/"))
}

// A rule about a package that does not exist holds nothing.
func TestRulesAreAboutSomething(t *testing.T) {
	dirs := map[string]bool{}
	for _, f := range tree(t) {
		dirs[f.dir] = true
	}
	for _, leaf := range leaves {
		if !dirs[leaf.dir] {
			t.Errorf("there is a rule about %s, which does not exist", leaf.dir)
		}
	}
	for path := range testOnly {
		if ours, ok := strings.CutPrefix(path, module+"/"); ok && !dirs[ours] {
			t.Errorf("there is a rule about %s, which does not exist", ours)
		}
	}
}
