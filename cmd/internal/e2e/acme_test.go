//go:build e2e && linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pebble is Let's Encrypt's own ACME server for tests.
const pebble = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"

// An ACME authority that nobody here wrote gives the program a certificate, which
// it keeps over a restart, and plain HTTP leads to https.
func TestACME(t *testing.T) {
	p := newProgram(t, "")
	authority := startPebble(t, p.listen)
	plain := freeAddress(t)
	serve := func() {
		p.serveWith([]string{
			"serve", "--data", p.data, "--listen", p.listen, "--debug-listen", p.debug, "--url", "https://" + p.listen,
		}, "TRIBUTARY_CLICKHOUSE_URL=off", "TRIBUTARY_HTTPS_ACME=true", "TRIBUTARY_HTTPS_DIRECTORY="+authority.directory,
			"TRIBUTARY_HTTPS_CA_FILE="+authority.caFile, "TRIBUTARY_HTTPS_REDIRECT_LISTEN="+plain)
	}
	serve()
	roots := authority.roots()
	var first *x509.Certificate
	trusted := func() []string {
		conn, err := tls.Dial("tcp", p.listen, &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}})
		if err != nil {
			return []string{err.Error()}
		}
		defer func() { _ = conn.Close() }()
		if conn.ConnectionState().NegotiatedProtocol != "h2" {
			return []string{"no HTTP/2"}
		}
		first = conn.ConnectionState().PeerCertificates[0]
		return nil
	}
	await(t, "a certificate", trusted)
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	if resp, err := client.Get("https://" + p.listen + "/actor"); err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Fatalf("%+v, %v", resp, err)
	}
	resp, err := client.Get("http://" + plain + "/some?where")
	if err != nil || resp.StatusCode != 301 || resp.Header.Get("Location") != "https://"+p.listen+"/some?where" {
		t.Errorf("plain HTTP: %+v, %v", resp, err)
	}
	taken := first
	p.kill()
	serve()
	await(t, "the certificate after a restart", trusted)
	if !first.Equal(taken) {
		t.Error("the restart took another certificate")
	}
}

type authority struct {
	t                             *testing.T
	directory, management, caFile string
}

// startPebble runs an authority that validates on the port of address.
func startPebble(t *testing.T, address string) *authority {
	t.Helper()
	dir := t.TempDir()
	install := exec.Command("go", "install", pebble)
	install.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing pebble: %v\n%s", err, out)
	}
	a := &authority{t: t, caFile: filepath.Join(dir, "ca.pem")}
	cert, key := selfSigned(t)
	write := func(name string, body []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("ca.pem", cert)
	listen, management := freeAddress(t), freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q,
		"httpPort": 1, "tlsPort": %s, "retryAfter": {"authz": 1, "order": 1},
		"profiles": {"default": {"description": "", "validityPeriod": 7776000}}}}`,
		listen, management, a.caFile, write("key.pem", key), port)
	run := exec.Command(filepath.Join(dir, "pebble"), "-config", write("config.json", []byte(config)))
	run.Env = append(cleanEnvironment(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	said, err := os.Create(filepath.Join(dir, "pebble.log"))
	if err != nil {
		t.Fatal(err)
	}
	run.Stdout, run.Stderr = said, said
	process, err := spawn(run)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.kill()
		_ = said.Close()
		if t.Failed() {
			t.Logf("the authority said:\n%s", tail(said.Name(), 40))
		}
	})
	a.directory, a.management = "https://"+listen+"/dir", "https://"+management
	await(t, "the authority", func() []string {
		if _, err := a.get(a.directory); err != nil {
			return []string{err.Error()}
		}
		return nil
	})
	return a
}

// selfSigned is a certificate for 127.0.0.1 and its key, as PEM.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a *authority) get(url string) ([]byte, error) {
	ca, err := os.ReadFile(a.caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

// roots are whom to believe the certificates that it gives.
func (a *authority) roots() *x509.CertPool {
	a.t.Helper()
	root, err := a.get(a.management + "/roots/0")
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		a.t.Fatalf("no root: %s", root)
	}
	return pool
}
