package relay

import (
	"errors"
	"testing"

	"tributary/ingest"
)

func TestParseBlockKey(t *testing.T) {
	for _, c := range []struct {
		in    string
		scope ingest.Scope
		key   string
	}{
		{"Evil.Example", ingest.ScopeDomain, "evil.example"},
		{" evil.example. ", ingest.ScopeDomain, "evil.example"},
		{"evil.example:8443", ingest.ScopeDomain, "evil.example:8443"},
		{"bücher.example", ingest.ScopeDomain, "xn--bcher-kva.example"},
		{"https://evil.example/users/a", ingest.ScopeActor, "https://evil.example/users/a"},
	} {
		scope, key, err := ParseBlockKey(c.in)
		if err != nil || scope != c.scope || key != c.key {
			t.Errorf("ParseBlockKey(%q) = %v, %q, %v", c.in, scope, key, err)
		}
	}
	for _, in := range []string{"", "a b", "evil.example/x", "@a@evil.example", "https://evil.example/", "ftp://evil.example/a", "https://", "é\x00"} {
		if _, key, err := ParseBlockKey(in); !errors.Is(err, ErrBlockKey) {
			t.Errorf("ParseBlockKey(%q) = %q, %v; want ErrBlockKey", in, key, err)
		}
	}
}

func TestBlockCovers(t *testing.T) {
	domain := Block{Scope: ingest.ScopeDomain, Key: "evil.example"}
	port := Block{Scope: ingest.ScopeDomain, Key: "evil.example:8443"}
	actor := Block{Scope: ingest.ScopeActor, Key: "https://evil.example/users/a"}
	for _, c := range []struct {
		block Block
		uri   string
		want  bool
	}{
		{domain, "https://evil.example/users/b", true},
		{domain, "https://evil.example:8443/users/b", true},
		{domain, "https://sub.Evil.Example/users/b", true},
		{domain, "https://notevil.example/users/b", false},
		{domain, "https://example/users/b", false},
		{port, "https://evil.example:8443/b", true},
		{port, "https://evil.example/b", false},
		{actor, "https://evil.example/users/a", true},
		{actor, "https://evil.example/users/b", false},
	} {
		if got := c.block.Covers(hostOf(c.uri), c.uri); got != c.want {
			t.Errorf("%s covers %s: %v", c.block.Key, c.uri, got)
		}
	}
}

// FuzzParseBlockKey: what an operator or, later, a list of somebody else says is
// refused or covers exactly what it names.
func FuzzParseBlockKey(f *testing.F) {
	for _, s := range []string{"evil.example", "https://evil.example/users/a", "[::1]:80", "ＥＶＩＬ。example", "evil.example:443", "*.evil.example", "..", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		scope, key, err := ParseBlockKey(s)
		if err != nil {
			return
		}
		b := Block{Scope: scope, Key: key}
		uri := key
		if scope == ingest.ScopeDomain {
			uri = "https://" + key + "/users/a"
		}
		if !b.Covers(hostOf(uri), uri) {
			t.Errorf("block %q of %q does not cover %q", key, s, uri)
		}
		if _, again, err := ParseBlockKey(key); err != nil || again != key {
			t.Errorf("%q is read as %q, %v the second time", key, again, err)
		}
	})
}
