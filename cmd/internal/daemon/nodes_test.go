package daemon

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"tributary/cmd/internal/config"
	"tributary/ingest/ingesttest"
)

// loaded is a configuration as a file would give it, over servers of the test's.
func loaded(t *testing.T, environ ...string) config.Config {
	t.Helper()
	kafka := ingesttest.NewBroker(t, "").Kafka()
	topic := kafka.Topic
	if topic == "" {
		topic = "posts"
	}
	c, _, err := config.Load(config.Input{Environ: append([]string{
		"TRIBUTARY_DATA=" + t.TempDir(), "TRIBUTARY_LISTEN=127.0.0.1:0", "TRIBUTARY_DEBUG_LISTEN=127.0.0.1:0",
		"TRIBUTARY_URL=https://relay.example", "TRIBUTARY_CLICKHOUSE_URL=off",
		"TRIBUTARY_KAFKA_BROKERS=" + kafka.Addr.String(), "TRIBUTARY_KAFKA_TOPIC=" + topic,
	}, environ...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A node answers for its roles alone, and has its name from its data directory.
func TestRoles(t *testing.T) {
	cfg := loaded(t)
	cfg.Database.URL = "sqlite:" + filepath.Join(t.TempDir(), "state.db") // not the data directory's: others may have it open
	for _, c := range []struct {
		roles  []string
		inbox  int // status of a GET
		stream int
	}{
		{[]string{roleInbox, roleState}, http.StatusMethodNotAllowed, http.StatusNotFound},
		{[]string{roleStream, roleState, roleDelivery, roleFetch}, http.StatusNotFound, http.StatusUpgradeRequired},
		{nil, http.StatusMethodNotAllowed, http.StatusUpgradeRequired},
	} {
		cfg.Roles = c.roles
		d, err := Build(t.Context(), cfg, "test", ingesttest.Logger(t))
		if err != nil {
			t.Fatal(err)
		}
		name := d.leases.Node()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		select {
		case <-d.Ready():
		case <-time.After(60 * time.Second):
			t.Fatalf("%v: not ready", c.roles)
		}
		for path, want := range map[string]int{"/inbox": c.inbox, "/api/v1/firehose": c.stream} {
			answer, err := http.Get("http://" + d.public.Addr().String() + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%v: GET %s is answered %d, want %d", c.roles, path, answer.StatusCode, want)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%v: %v", c.roles, err)
		}
		if again, err := d.nodeName(); err != nil || name == "" || again != name {
			t.Errorf("the node was called %q and then %q, %v", name, again, err)
		}
	}
}

// What is in a node's own data directory is no other node's.
func TestOwnDatabase(t *testing.T) {
	dir := t.TempDir()
	d := &Daemon{data: &dataDir{path: dir}}
	for url, want := range map[string]bool{
		"sqlite:" + filepath.Join(dir, "state.db"):       true,
		"sqlite:" + filepath.Join(dir, "..", "state.db"): false,
		"postgres:///tributary":                          false,
	} {
		if d.cfg.Database.URL = url; d.ownDatabase() != want {
			t.Errorf("%s: %v", url, !want)
		}
	}
}
