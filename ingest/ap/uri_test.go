package ap

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHost(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"https://example.com", "example.com"},
		{"https://example.com/users/a#main-key", "example.com"},
		{"https://Example.COM/X", "example.com"},
		{"HTTP://example.com?x", "example.com"},
		{"https://example.com./x", "example.com"},
		{"https://example.com:443/x", "example.com"},
		{"https://example.com:0443/x", "example.com"},
		{"https://example.com:/x", "example.com"},
		{"http://example.com:80", "example.com"},
		{"http://example.com:443", "example.com:443"},
		{"https://example.com:8443/x", "example.com:8443"},
		{"https://example.com:65535/x", "example.com:65535"},
		{"https://EXAMPLE.com.:8443/x", "example.com:8443"},
		{"https://münchen.example/x", "xn--mnchen-3ya.example"},
		{"https://MÜNCHEN.example/x", "xn--mnchen-3ya.example"},
		{"https://mu\u0308nchen.example/x", "xn--mnchen-3ya.example"},
		{"https://xn--mnchen-3ya.example/x", "xn--mnchen-3ya.example"},
		{"https://XN--MNCHEN-3YA.example/x", "xn--mnchen-3ya.example"},
		{"https://straße.example/", "xn--strae-oqa.example"},
		{"https://ＥＸＡＭＰＬＥ。ｃｏｍ/x", "example.com"},
		{"https://example．com/x", "example.com"},
		{"https://example｡com/x", "example.com"},
		{"https://例え.テスト/x", "xn--r8jz45g.xn--zckzah"},
		{"https://a_b.example/", "a_b.example"},
		{"https://127.0.0.1:3000/x", "127.0.0.1:3000"},
		{"https://[::1]:3000/x", "[::1]:3000"},
		{"https://[0:0::1]/x", "[::1]"},
		{"https://[FE80::A]/x", "[fe80::a]"},
		{"http://localhost:8080/actor", "localhost:8080"},
		{" https://example.com/x ", "example.com"},
	} {
		got, err := Host(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("Host(%q) = %q, %v, want %q", tc.in, got, err, tc.want)
		}
	}
}

// TestHostRefuses holds among others the names of CVE-2023-42451: a host that
// becomes another one when something is dropped from it or mapped in it.
func TestHostRefuses(t *testing.T) {
	for _, in := range []string{
		"", "example.com", "//example.com/x", "/x", "https:", "https://", "https:///x", "https://?x", "https://#x",
		"ftp://example.com/", "did:key:z6Mk", "ap://did:key:z6Mk/x", "tag:example.com,2026:x", "acct:a@example.com",
		"urn:uuid:00", "javascript:alert(1)", "mailto:a@example.com", "bear:?u=https://example.com",
		"https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
		"https://example.com%2fevil.example/", "https://example.com%00.evil.example/", "https://ex%61mple.com/",
		"https://example.com／.evil.example/", "https://example.com＠evil.example/", "https://example.com＃.evil.example/",
		"https://example.com？.evil.example/", "https://example.com：443.evil.example/", "https://℀.example/",
		"https://exa\\mple.com/", "https://example.com\\@evil.example/", "https://exa mple.com/", "https://example.com\n.evil/",
		"https://example..com/", "https://.example.com/", "https://example.com../",
		"https://./", "https://xn--a/", "https://xn--/", "https://exa<mple.com/", "https://\xff.example/",
		"https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "https://example.com:80:80/",
		"https://[::1/", "https://::1/", "https://[::1%25eth0]/", "https://[127.0.0.1]/", "https://[example.com]/",
		"https://" + strings.Repeat("a", 254) + "/", "https://example.com/" + strings.Repeat("a", maxURI),
	} {
		if got, err := Host(in); !errors.Is(err, ErrURI) {
			t.Errorf("Host(%q) = %q, %v, want ErrURI", in, got, err)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example/x", "https://a.example/y#z", true},
		{"https://a.example", "https://A.example.:443/y", true},
		{"https://bücher.example/", "https://xn--bcher-kva.example/", true},
		{"https://a.example:8443/x", "https://a.example:8443/y", true},
		{"https://a.example/x", "http://a.example/x", false},
		{"https://a.example/x", "https://a.example:8443/x", false},
		{"https://a.example/x", "https://b.a.example/x", false},
		{"https://a.example/x", "https://a.example.evil.example/x", false},
		{"https://a.example/x", "https://a.example@evil.example/x", false},
		{"https://a.example", "https://a.examples", false},
		{"", "", false},
		{"did:key:x", "did:key:x", false},
	} {
		if got := SameOrigin(tc.a, tc.b); got != tc.want {
			t.Errorf("SameOrigin(%q, %q) = %v", tc.a, tc.b, got)
		}
		if got := SameOrigin(tc.b, tc.a); got != tc.want {
			t.Errorf("SameOrigin(%q, %q) = %v", tc.b, tc.a, got)
		}
	}
}

func TestCleanURI(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example/Users/A?b=C#D":      "https://a.example/Users/A?b=C#D",
		"HTTPS://A.example/Users/A":            "https://a.example/Users/A",
		"https://a.example:443/x":              "https://a.example/x",
		"https://a.example//x/../y":            "https://a.example//x/../y",
		"https://a.example/ü":                  "https://a.example/ü",
		"https://a.example/%zz":                "",
		"https://a.example/a b":                "",
		"https://a.example/<script>":           "",
		"https://bsky.brid.gy/convert/ap/at:/": "https://bsky.brid.gy/convert/ap/at:/",
	} {
		if got := cleanURI(in); got != want {
			t.Errorf("cleanURI(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzHost holds what must be true of every URI that passes: it is its own
// clean form, net/url and Host agree on its host, and the short way through
// plainURI changes nothing.
func FuzzHost(f *testing.F) {
	for _, s := range []string{
		"https://example.com/users/a#main-key", "HTTPS://ＥＸＡＭＰＬＥ。com.:443/x", "http://[::1]:80/", "https://a@b/",
		"https://a.example:8443?x", "https://xn--mnchen-3ya.example/%41", "https://a.example/%4", "http://a:80", "https://a:443/",
		"https://a.example:1/#%ff", "https://a.example/\u00fc", "https://a..b/", "https://a.:1/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, err := Host(s)
		u := cleanURI(s)
		if (err == nil) != (u != "") {
			t.Fatalf("Host(%q) = %q, %v; cleanURI %q", s, host, err, u)
		}
		if from, to := plainURI(s); to > 0 {
			scheme := s[:from]
			if got := cleanHost(s[from:to], scheme); got != s[from:to] {
				t.Fatalf("%q is taken as plain, but its host is %q", s, got)
			}
		}
		if h := cleanHref(s); h != "" {
			p, err := url.Parse(h)
			if err != nil || p.String() != h {
				t.Fatalf("cleanHref(%q) = %q, again %q, %v", s, h, p, err)
			}
		}
		if u == "" {
			return
		}
		p, err := url.Parse(u)
		if err != nil || p.Host != host || p.User != nil || p.Scheme != "http" && p.Scheme != "https" {
			t.Fatalf("%q becomes %q: %+v, %v", s, u, p, err)
		}
		if cleanURI(u) != u || !SameOrigin(u, s) || !utf8.ValidString(u) || strings.ContainsAny(host, "@/\\ %") {
			t.Fatalf("%q becomes %q, then %q", s, u, cleanURI(u))
		}
		if again, err := Host("https://" + host); err != nil || strings.TrimSuffix(again, ":443") != strings.TrimSuffix(host, ":443") {
			t.Fatalf("host %q of %q is %q by itself, %v", host, s, again, err)
		}
	})
}
