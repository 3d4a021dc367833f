package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCredentials(t *testing.T) {
	p := serve(t, guards{})
	p.credentials = NewCredentials("ana", "secret")
	defer func() { p.credentials = nil }()
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		status int
	}{
		{"none", func(*http.Request) {}, 403},
		{"basic", func(r *http.Request) { r.SetBasicAuth("ana", "secret") }, 200},
		{"basic, wrong", func(r *http.Request) { r.SetBasicAuth("ana", "Secret") }, 403},
		{"basic, shifted", func(r *http.Request) { r.SetBasicAuth("ana:s", "ecret") }, 403},
		{"headers", func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "ana")
			r.Header.Set("X-ClickHouse-Key", "secret")
		}, 200},
		{"parameters", func(r *http.Request) { r.URL.RawQuery += "&user=ana&password=secret" }, 200},
		{"a wrong header before right parameters", func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "eve")
			r.URL.RawQuery += "&user=ana&password=secret"
		}, 403},
		{"ping needs none", func(r *http.Request) { r.URL.Path, r.URL.RawQuery = "/ping", "" }, 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?query=SELECT+1", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(r)
		a := p.do(t, r)
		if a.status != c.status || c.status == 403 && (a.code != "516" || strings.Contains(a.text, "secret")) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func TestReadCredentials(t *testing.T) {
	for text, ok := range map[string]bool{
		"ana:secret": true, "ana:se:cret\r\n": true, "ana": false, "": false, ":x": false, "ana:\n": false,
		"ana:" + strings.Repeat("x", credentialsMax): false,
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readCredentials(f); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
