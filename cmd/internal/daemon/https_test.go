package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"tributary/cmd/internal/config"
	"tributary/relay"
)

// A certificate from files serves HTTP/2, and what cannot be read is told at once.
func TestFileCertificates(t *testing.T) {
	dir := t.TempDir()
	example := httptest.NewTLSServer(http.NotFoundHandler())
	defer example.Close()
	pair := example.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c := config.HTTPS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	if _, err := fileCertificates(c); err == nil {
		t.Error("files that are not there")
	}
	for path, block := range map[string]*pem.Block{
		c.CertFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := fileCertificates(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS, server.EnableHTTP2 = settings, true
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(example.Certificate())
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Errorf("protocol %q", p)
	}
}

// Plain HTTP leads to the public URL, whatever host was asked for.
func TestRedirect(t *testing.T) {
	community, err := relay.NewCommunity("https://relay.example")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{community: community}
	for _, c := range []struct {
		method, url string
		status      int
		location    string
	}{
		{"GET", "http://evil.example/a?b=c", 301, "https://relay.example/a?b=c"},
		{"HEAD", "http://relay.example//evil.example/", 301, "https://relay.example//evil.example/"},
		{"POST", "http://relay.example/inbox", 426, ""},
	} {
		w := httptest.NewRecorder()
		d.redirect(w, httptest.NewRequest(c.method, c.url, nil))
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q", c.method, c.url, w.Code, w.Header().Get("Location"))
		}
	}
}
