package engine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/ingest/child/childtest"
)

// On a port it serves who brings the password.
func TestListen(t *testing.T) {
	o := options(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Socket, o.Listen, o.Credentials = "", ln.Addr().String(), filepath.Join(t.TempDir(), "credentials")
	ln.Close()
	if err := os.WriteFile(o.Credentials, []byte("ana:pass:word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	childtest.Ready(t, p)
	for _, c := range []struct {
		user, password string
		want           int32 // ClickHouse's number
	}{{"ana", "pass:word", 0}, {"ana", "pass", 516}, {"", "", 516}, {"eve", "pass:word", 516}} {
		conn, err := clickhouse.Open(&clickhouse.Options{
			Protocol: clickhouse.HTTP, Addr: []string{o.Listen}, Auth: clickhouse.Auth{Username: c.user, Password: c.password},
		})
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Ping(t.Context())
		var e *clickhouse.Exception
		if errors.As(err, &e); (c.want == 0 && err != nil) || (c.want != 0 && (e == nil || e.Code != c.want)) {
			t.Errorf("%s: %v, want %d", c.user, err, c.want)
		}
		conn.Close()
	}
}

func TestListenOptions(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Listen = "127.0.0.1:1" }, "not both"},
		{func(o *Options) { o.Socket = "" }, "needs a socket"},
		{func(o *Options) { o.Socket, o.Listen = "", "127.0.0.1:1" }, "credentials"},
		{func(o *Options) { o.Credentials = "f" }, "credentials"},
		{func(o *Options) { o.Socket, o.Listen, o.Credentials = "", "0.0.0.0:1", "f" }, "loopback"},
		{func(o *Options) { o.Socket, o.Listen, o.Credentials = "", "localhost:1", "f" }, "loopback"},
		{func(o *Options) { o.Socket, o.Listen, o.Credentials, o.Anywhere = "", "0.0.0.0:1", "f", true }, ""},
	} {
		o := Options{Dir: "d", Socket: "s", Log: slog.New(slog.DiscardHandler)}
		o.applyDefaults()
		c.change(&o)
		err := o.validate()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
