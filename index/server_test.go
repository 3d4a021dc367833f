package index

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/ingest/ingesttest"
)

func TestParseURL(t *testing.T) {
	const secret = "geheim"
	for _, c := range []struct {
		url  string
		addr string
		db   string
		tls  bool
		http bool
	}{
		{"http://ch.example", "ch.example:8123", "", false, true},
		{"http://ch.example/", "ch.example:8123", "", false, true},
		{"http://ana:ge%40heim@ch.example:81/trib_1", "ch.example:81", "trib_1", false, true},
		{"https://ana:geheim@ch.example/trib", "ch.example:8443", "trib", true, true},
		{"https://ch.example:443?secure=true&skip_verify=true", "ch.example:443", "", true, true},
		{"http://[::1]/x", "[::1]:8123", "x", false, true},
		{"clickhouse://ch.example", "ch.example:9000", "", false, false},
		{"clickhouse://ch.example/db?secure=true&compress=lz4&dial_timeout=3s", "ch.example:9440", "db", true, false},
		{"clickhouse://ch.example?secure=false", "ch.example:9000", "", false, false},
		{"clickhouse://a.example,b.example:9001/db", "a.example:9000,b.example:9001", "db", false, false},
	} {
		o, err := ParseURL(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if strings.Join(o.Addr, ",") != c.addr || o.Auth.Database != c.db || (o.TLS != nil) != c.tls || (o.Protocol == clickhouse.HTTP) != c.http || len(o.Settings) > 0 {
			t.Errorf("%s: %+v", c.url, o)
		}
	}
	if o, err := ParseURL("http://ana:ge%40heim@ch.example"); err != nil || o.Auth.Username != "ana" || o.Auth.Password != "ge@heim" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, c := range []struct{ url, want string }{
		{"", "must be like"},
		{"ana:geheim@ch.example", "must be like"},
		{"tcp://ana:geheim@ch.example:9000", "must be like"},
		{"http://", "must be like"},
		{"http://ana:geheim@:8123", "must be like"},
		{"http://ana:ge#heim@ch.example", "URL"},
		{"http://ana:geheim%@ch.example", "not a URL"},
		{"http://ana:geheim@ch.example/a/b", "name of a database"},
		{"http://ana:geheim@ch.example/a`b", "name of a database"},
		{"http://ana:geheim@ch.example?secure=true", "it is https"},
		{"https://ana:geheim@ch.example?secure=false", "it is http"},
		{"http://ana:geheim@ch.example?skip_verify=true", "about TLS"},
		{"clickhouse://ch.example?secure=geheim", "wrong value"},
		{"clickhouse://ch.example?dial_timeout=geheim", "wrong value"},
		{"clickhouse://ch.example?password=geheim", "before the host"},
		{"clickhouse://ch.example?max_threads=geheim", "on the server"},
		{"clickhouse://ch.example?a=geheim;b", "do not parse"},
		{"clickhouse://a:1:2,b/x", "not a URL"},
		{"clickhouse://a,/x", "each host"},
	} {
		o, err := ParseURL(c.url)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", c.url, o, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells a secret: %v", c.url, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"http://a:b@c:1/d", "clickhouse://c?secure=true", "https://a,b:1", "http://[::1%25x]:1", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseURL(text)
		switch {
		case err != nil && !errors.Is(err, ErrURL):
			t.Error(err)
		case err != nil:
		case o.Auth.Database != "" && !databaseForm.MatchString(o.Auth.Database):
			t.Errorf("database %q", o.Auth.Database)
		case len(o.Settings) > 0 || len(o.Addr) == 0:
			t.Errorf("%+v", o)
		}
	})
}

// secured stands before a server and speaks TLS with a certificate of nobody's.
func secured(t *testing.T, addr string) string {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	certificate := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der := must(x509.CreateCertificate(rand.Reader, &certificate, &certificate, &key.PublicKey, key))
	ln := must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { pipe(c, addr) })
		}
	})
	t.Cleanup(func() { ln.Close(); running.Wait() })
	return ln.Addr().String()
}

// pipe joins a connection to a new one, until either ends.
func pipe(c net.Conn, addr string) {
	defer c.Close()
	s, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	var running sync.WaitGroup
	running.Go(func() { _, _ = io.Copy(s, c); s.Close() })
	_, _ = io.Copy(c, s)
	c.Close()
	running.Wait()
}

// address changes an address: scheme, host (with port), parameters.
func address(t *testing.T, text, scheme, host, query string, password ...string) string {
	t.Helper()
	u := must(url.Parse(text))
	u.Scheme, u.RawQuery = scheme, query
	if host != "" {
		u.Host = host
	}
	if len(password) > 0 {
		u.User = url.UserPassword(u.User.Username(), password[0])
	}
	return u.String()
}

// openURL opens an index and closes it.
func openURL(t *testing.T, text string) error {
	t.Helper()
	o, err := ParseURL(text)
	if err != nil {
		t.Fatal(err)
	}
	o.Auth.Database = "test_refused"
	e := ingesttest.New(t)
	x, err := Open(t.Context(), Config{Options: o, DB: e.DB, Tail: e.Tail, Logger: ingesttest.Logger(t)})
	if err == nil {
		return x.Close()
	}
	return err
}

// What a server that cannot be used is reported with: the reason, and no secret.
func TestServerByAddress(t *testing.T) {
	base := os.Getenv(serverEnv)
	if base == "" {
		t.Skip("needs a server on a port: make test-clickhouse")
	}
	host := must(url.Parse(base)).Host
	closed := must(net.Listen("tcp", "127.0.0.1:0"))
	closed.Close()
	for _, c := range []struct {
		name, url, want string
	}{
		{"right", base, ""},
		{"TLS", address(t, base, "https", secured(t, host), "skip_verify=true"), ""},
		{"TLS, unknown authority", address(t, base, "https", secured(t, host), ""), "certificate"},
		{"TLS where there is none", address(t, base, "https", host, ""), "HTTP response to HTTPS"},
		{"wrong password", address(t, base, "http", "", "", "falsch"), "516"},
		{"nobody there", address(t, base, "http", closed.Addr().String(), ""), "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := openURL(t, c.url)
			t.Log(err)
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("got %v, want %q", err, c.want)
			case strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "falsch"):
				t.Errorf("it tells the password: %v", err)
			}
		})
	}
}

// nativeEnv names a ClickHouse by its native protocol, as old as may be.
const nativeEnv = serverEnv + "_NATIVE"

// The native protocol, as far as an old server goes: it stores and answers with plain types. The tables
// of the index it cannot have, and that is said.
func TestNative(t *testing.T) {
	base := os.Getenv(nativeEnv)
	if base == "" {
		t.Skip("needs a server with the native protocol: apt-get install clickhouse-server (Debian 12: 18.16), make test-clickhouse")
	}
	host := must(url.Parse(base)).Host
	for name, text := range map[string]string{
		"plain": base,
		"lz4":   address(t, base, "clickhouse", "", "compress=lz4"),
		"TLS":   address(t, base, "clickhouse", secured(t, host), "secure=true&skip_verify=true"),
	} {
		t.Run(name, func(t *testing.T) {
			o := must(ParseURL(text))
			conn := must(clickhouse.Open(o))
			defer conn.Close()
			storeNative(t, &Index{conn: conn, options: o})
		})
	}
	for _, c := range []struct{ name, url, want string }{
		{"version", base, "needs ClickHouse 26.2 or newer, for its text indexes: it is ClickHouse 18.16"},
		{"version by HTTP", os.Getenv(nativeEnv + "_HTTP"), "needs ClickHouse 26.2 or newer"},
		{"wrong password", address(t, base, "clickhouse", "", "", "falsch"), "Wrong password"},
		{"TLS where there is none", address(t, base, "clickhouse", host, "secure=true&dial_timeout=2s"), "cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := openURL(t, c.url)
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") || strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if strings.HasPrefix(c.name, "version") != errors.Is(err, ErrOldServer) {
				t.Errorf("too old: %v", err)
			}
		})
	}
}

// storeNative stores as the writer does, and reads it back.
func storeNative(t *testing.T, x *Index) {
	t.Helper()
	ctx := context.Background()
	for _, statement := range []string{
		"DROP TABLE IF EXISTS smoke",
		"CREATE TABLE smoke (id UInt64, domain String, at DateTime('UTC'), tags Array(String)) ENGINE = MergeTree ORDER BY id",
	} {
		if err := x.conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := must(x.conn.PrepareBatch(ctx, "INSERT INTO smoke (id, domain, at, tags)"))
	for i, column := range []any{[]uint64{1, 1 << 63}, []string{"a.example", "ü'\\\n\x00"}, []time.Time{at, at}, [][]string{{"go", "東京"}, {}}} {
		if err := b.Column(i).Append(column); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
	rows := must(x.conn.Query(ctx, "SELECT id, domain, at, tags FROM smoke WHERE domain IN ("+literal("a.example")+", "+literal("ü'\\\n\x00")+") ORDER BY id"))
	defer rows.Close()
	type row struct {
		id     uint64
		domain string
		at     time.Time
		tags   []string
	}
	var got []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.domain, &r.at, &r.tags); err != nil {
			t.Fatal(err)
		}
		r.at = r.at.UTC()
		got = append(got, r)
	}
	want := []row{{1, "a.example", at, []string{"go", "東京"}}, {1 << 63, "ü'\\\n\x00", at, []string{}}}
	if !slices.EqualFunc(got, want, func(a, b row) bool { return reflect.DeepEqual(a, b) }) || rows.Err() != nil {
		t.Errorf("got %+v, %v", got, rows.Err())
	}
}
