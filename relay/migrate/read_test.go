package migrate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func file(name string) string { return filepath.Join("testdata", name) }

var (
	mastodon = Member{Domain: "mastodon.example", Actor: "https://mastodon.example/actor", Inbox: "https://mastodon.example/inbox", Follow: "https://mastodon.example/6f1c2a52"}
	pleroma  = Member{Domain: "pleroma.example", Actor: "https://pleroma.example/relay", Inbox: "https://pleroma.example/inbox", Follow: "https://pleroma.example/activities/7c9a", Announce: true}
	waiting  = Member{Domain: "new.example", Actor: "https://new.example/actor", Inbox: "https://new.example/inbox", Follow: "https://new.example/1", Pending: true}
)

func with(m Member, change func(*Member)) Member {
	change(&m)
	return m
}

// The files of each relay, in all forms, come to what they hold.
func TestRead(t *testing.T) {
	aode := Export{
		Software: AodeRelay, Blocked: []Domain{{Name: "spam.example"}}, Allowed: []string{"friends.example"},
		Members: []Member{{Actor: "https://mastodon.example/actor"}, {Actor: "https://pleroma.example/relay", Announce: true}, {Actor: "https://gone.example/actor"}},
	}
	software := func(name string) func(*Member) { return func(m *Member) { m.Software = name } }
	tables := Export{
		Software: ActivityRelayPython, Host: "relay.example", Key: "KEY",
		Blocked: []Domain{{"spam.example", "spam", "asked twice"}}, BannedSoftware: []string{"activityrelay"},
		Members: []Member{
			with(mastodon, software("mastodon")), with(waiting, software("mastodon")),
			with(pleroma, func(m *Member) { m.Software, m.Follow = "akkoma", "" }),
		},
	}
	for name, c := range map[string]struct {
		files []string
		want  Export
	}{
		"Activity-Relay's export among its log": {[]string{file("activity-relay.txt")}, Export{
			Software: ActivityRelayGo, Limited: []string{"quiet.example", "gone.example"}, Blocked: []Domain{{Name: "spam.example"}, {Name: "*.bad.example"}},
			Members: []Member{
				with(mastodon, func(m *Member) { m.Follow = "https://mastodon.example/6f1c2a52-0b7e-4a35-8f52-6f0a3e0f4b11" }),
				{Domain: "quiet.example", Actor: "https://quiet.example/users/relay.actor", Inbox: "https://quiet.example/inbox", Follow: "https://quiet.example/activities/follow-relay/9abc"},
				{Domain: "moved.example", Actor: "https://moved.example/actor", Inbox: "https://cdn.example/inbox", Follow: "https://moved.example/1"},
				{Domain: "sub.spam.example", Actor: "https://sub.spam.example/actor", Inbox: "https://sub.spam.example/inbox", Follow: "https://sub.spam.example/1"},
				{Domain: "lost.example"},
				pleroma,
			},
		}},
		"Activity-Relay's redis": {[]string{file("activity-relay-redis.txt")}, Export{
			Software: ActivityRelayGo, Limited: []string{"quiet.example"}, Blocked: []Domain{{Name: "spam.example"}},
			Members: []Member{mastodon, waiting, pleroma},
		}},
		"an empty value at the end": {[]string{write(t, t.TempDir(), "redis.txt", "relay:subscription:mastodon.example\ninbox_url\nhttps://mastodon.example/inbox\nactor_id\n\n")}, Export{
			Software: ActivityRelayGo, Members: []Member{{Domain: "mastodon.example", Inbox: "https://mastodon.example/inbox"}},
		}},
		"aoderelay's API":    {[]string{file("aode-connected.json"), file("aode-blocked.json"), file("aode-allowed.json")}, aode},
		"aoderelay's report": {[]string{file("aode-list.txt")}, aode},
		"ActivityRelay before 0.3": {[]string{file("relay-0.2.yaml")}, Export{
			Software: ActivityRelayPython, Host: "relay.example", Key: "KEY", Blocked: []Domain{{Name: "spam.example"}},
			Allowed: []string{"friends.example"}, BannedSoftware: []string{"activityrelay"},
			Members: []Member{
				with(mastodon, func(m *Member) { m.Software, m.Actor = "mastodon", "" }),
				with(pleroma, func(m *Member) { m.Software, m.Actor, m.Follow = "pleroma", "", "" }),
			},
		}},
		"ActivityRelay's first database": {[]string{write(t, t.TempDir(), "relay.jsonld", `{"actorKeys":{"publicKey":"P","privateKey":"KEY"},"relay-list":["https://mastodon.example/inbox"]}`)}, Export{
			Software: ActivityRelayPython, Key: "KEY", Members: []Member{{Inbox: "https://mastodon.example/inbox"}},
		}},
		"ActivityRelay in SQLite":     {[]string{sqliteRelay(t)}, tables},
		"ActivityRelay in PostgreSQL": {[]string{postgresYAML(t), file("relay-tables.json")}, tables},
	} {
		got, err := Read(t.Context(), c.files...)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, c.want)
		}
	}
}

// sqliteRelay is a relay.yaml beside a database of ActivityRelay 0.3.
func sqliteRelay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "relay.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`
		CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT, type TEXT DEFAULT 'str');
		CREATE TABLE inboxes (domain TEXT PRIMARY KEY, actor TEXT UNIQUE, inbox TEXT UNIQUE NOT NULL, followid TEXT, software TEXT, accepted BOOLEAN, created TIMESTAMP NOT NULL);
		CREATE TABLE domain_bans (domain TEXT PRIMARY KEY, reason TEXT, note TEXT, created TIMESTAMP NOT NULL);
		CREATE TABLE software_bans (name TEXT PRIMARY KEY, reason TEXT, note TEXT, created TIMESTAMP NOT NULL);
		CREATE TABLE whitelist (domain TEXT PRIMARY KEY, created TIMESTAMP);
		INSERT INTO config VALUES ('schema-version', '20240206', 'int'), ('private-key', 'KEY', 'str');
		INSERT INTO inboxes VALUES
			('mastodon.example', 'https://mastodon.example/actor', 'https://mastodon.example/inbox', 'https://mastodon.example/6f1c2a52', 'mastodon', 1, 1707213600.0),
			('new.example', 'https://new.example/actor', 'https://new.example/inbox', 'https://new.example/1', 'mastodon', 0, 1707213600.0),
			('pleroma.example', 'https://pleroma.example/relay', 'https://pleroma.example/inbox', NULL, 'akkoma', 1, 1707213600.0);
		INSERT INTO domain_bans VALUES ('spam.example', 'spam', 'asked twice', 1707213600.0);
		INSERT INTO software_bans VALUES ('activityrelay', 'relay', NULL, 1707213600.0)`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "relay.yaml", contents(t, file("relay.yaml")))
}

func postgresYAML(t *testing.T) string {
	t.Helper()
	return write(t, t.TempDir(), "relay.yaml", strings.Replace(contents(t, file("relay.yaml")), "database_type: sqlite", "database_type: postgres", 1))
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The wrong file is refused in words that say what to bring.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	other, err := sql.Open("sqlite", filepath.Join(dir, "other.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Exec(`CREATE TABLE t (x TEXT); CREATE VIEW inboxes AS SELECT 'a' AS domain, 'b' AS inbox`)
	if err := errors.Join(err, other.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files []string
		is    error
		want  string
	}{
		{[]string{filepath.Join(dir, "none")}, os.ErrNotExist, "no such file"},
		{[]string{dir}, nil, "is a directory"},
		{[]string{write(t, dir, "a.txt", "hello")}, ErrFormat, "neither JSON"},
		{[]string{write(t, dir, "a.json", `{"a":1}`)}, ErrFormat, "none of their keys"},
		{[]string{write(t, dir, "b.json", `{"inboxes":"x"}`)}, ErrFormat, "inboxes"},
		{[]string{write(t, dir, "cut.json", `{"inboxes":[`)}, ErrFormat, "neither JSON"},
		{[]string{write(t, dir, "dump.rdb", "REDIS0011\xfa")}, ErrFormat, "redis-cli"},
		{[]string{write(t, dir, "half.txt", "relay:subscription:a\ninbox_url\n")}, ErrFormat, "without a value"},
		{[]string{write(t, dir, "c.yaml", "a: 1\n")}, ErrFormat, ""},
		{[]string{write(t, dir, "d.yaml", "domain: relay.example\n")}, os.ErrNotExist, "relay.sqlite3, which relay.yaml names"},
		{[]string{postgresYAML(t)}, ErrFormat, "psql"},
		{[]string{filepath.Join(dir, "other.db")}, ErrFormat, "no table inboxes"},
		{[]string{write(t, dir, "cut.db", sqliteMagic+"xxx")}, nil, "not a database"},
		{[]string{file("aode-connected.json"), file("relay-tables.json")}, ErrMixed, "aoderelay and ActivityRelay"},
	} {
		_, err := Read(t.Context(), c.files...)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.files, err, c.want)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Read(stopped, sqliteRelay(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped read: %v", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	many := `{"blocked_domains":["` + strings.Repeat(`a.example","`, entriesMax) + `b.example"]}`
	if _, err := Read(t.Context(), write(t, t.TempDir(), "many.json", many)); !errors.Is(err, ErrLarge) {
		t.Errorf("too many entries: %v", err)
	}
	bomb := "a0: &a0 [x, x]\n"
	for i := range 60 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"large":    {strings.Repeat("a: 1\n", yamlBytesMax), ErrLarge},
		"bomb":     {bomb + "host: relay.example\nwhitelist: *a60\n", ErrFormat},
		"brackets": {"host: " + strings.Repeat("[\n", 2*yamlBracketsMax), ErrLarge},
		"dashes":   {"host:\n" + strings.Repeat("- ", 2000) + "a\n", ErrLarge},
	} {
		if _, err := Read(t.Context(), write(t, t.TempDir(), name+".yaml", c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs1, public := x509.MarshalPKCS1PrivateKey(key), x509.MarshalPKCS1PublicKey(&key.PublicKey)
	for name, text := range map[string]string{
		"PKCS#1": block("RSA PRIVATE KEY", pkcs1), "PKCS#8": block("PRIVATE KEY", pkcs8),
		"after a public one": "some words\n" + block("RSA PUBLIC KEY", public) + block("RSA PRIVATE KEY", pkcs1),
	} {
		if got, err := ParseKey(text); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"":                                    "no PEM",
		block("RSA PUBLIC KEY", public):       "it holds a RSA PUBLIC KEY",
		block("PRIVATE KEY", small):           "relays have RSA keys",
		block("RSA PRIVATE KEY", pkcs1[:100]): "",
		block("ENCRYPTED PRIVATE KEY", []byte("x")):                                                          "openssl pkey",
		"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n": "openssl pkey",
	} {
		if _, err := ParseKey(text); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: no file of a stranger panics, and what is read keeps to its form.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		f.Add([]byte(contents(f, name)), isYAML(name))
	}
	f.Fuzz(func(t *testing.T, text []byte, yaml bool) {
		e, _, err := parse(text, yaml)
		if err != nil {
			return
		}
		if e.Software == "" {
			t.Fatal("nobody's")
		}
		_ = e.add(Export{Software: e.Software})
		for _, m := range e.Members {
			c := completed{Member: m}
			_, _ = m.subject(), c.candidates()
		}
		_, _ = ParseKey(e.Key)
	})
}
