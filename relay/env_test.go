package relay

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
)

// An env is a relay on a real socket, over a real log, with a real client.
type env struct {
	*Relay
	t        *testing.T
	ingest   *ingesttest.Env
	remote   *remote.Client
	registry *prometheus.Registry
	failing  *atomic.Bool // admission cannot reach the log
	admitted *atomic.Int64
	woken    atomic.Int64
}

// newEnv starts it; change edits what it is made with.
func newEnv(t *testing.T, change func(*Config, *Deps)) *env {
	t.Helper()
	log := ingesttest.New(t)
	server := httptest.NewUnstartedServer(nil)
	c := community(t, "http://"+server.Listener.Addr().String())
	key, err := LoadKey(t.Context(), log.DB, c.Actor())
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, ingest: log, registry: prometheus.NewRegistry(), failing: new(atomic.Bool), admitted: new(atomic.Int64)}
	e.remote = remote.New(remote.Config{AllowPrivate: true, AllowHTTP: true, RefreshEvery: time.Nanosecond}, signature.NewSigner(c.KeyID(), key, 2), log.DB, ingesttest.Logger(t), nil)
	t.Cleanup(e.remote.Close)
	cfg := Config{}
	deps := Deps{
		DB: log.DB, Key: key, Keys: e.remote, Lists: e.remote, Admission: &breakable{Admission: log.Admission, failing: e.failing, admitted: e.admitted},
		Next:    func() uint64 { return log.Tail.Tip() + 1 },
		Enqueue: enqueue, Wake: func() { e.woken.Add(1) },
		Log: ingesttest.Logger(t), Registerer: e.registry,
	}
	if change != nil {
		change(&cfg, &deps)
	}
	if e.Relay, err = New(t.Context(), c, cfg, deps); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	e.Routes(mux)
	server.Config.Handler = mux
	server.Start()
	e.run(server)
	return e
}

func (e *env) run(server *httptest.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	e.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		cancel()
		running.Wait()
	})
}

// breakable is admission in front of a log that may be down.
type breakable struct {
	*ingest.Admission
	failing  *atomic.Bool
	admitted *atomic.Int64
}

func (b *breakable) Admit(ctx context.Context, in ingest.Arrival) (ingest.Outcome, error) {
	b.admitted.Add(1)
	if b.failing.Load() {
		return "", ingest.ErrUnavailable
	}
	return b.Admission.Admit(ctx, in)
}

func (b *breakable) Withdraw(ctx context.Context, scope ingest.Scope, key string, tier ingest.Tier, reason string) error {
	if b.failing.Load() {
		return ingest.ErrUnavailable
	}
	return b.Admission.Withdraw(ctx, scope, key, tier, reason)
}

// enqueue stands for relay/delivery's.
func enqueue(ctx context.Context, tx *sql.Tx, actor, inbox string, body []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO outbox (id, host, inbox, actor, body, attempts, next_at, created_at, last_error)
		VALUES ((SELECT COUNT(*) FROM outbox), $1, $2, $3, $4, 0, 0, 0, '')`, hostOf(inbox), inbox, actor, body)
	return err
}

type sent struct {
	Inbox string
	Doc   map[string]any
}

// outbox is what was sent, in order.
func (e *env) outbox() (list []sent) {
	e.t.Helper()
	rows, err := e.ingest.DB.Read().QueryContext(e.t.Context(), `SELECT inbox, body FROM outbox ORDER BY id`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s sent
		var body []byte
		if err := rows.Scan(&s.Inbox, &body); err != nil {
			e.t.Fatal(err)
		}
		if err := json.Unmarshal(body, &s.Doc); err != nil {
			e.t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return list
}

// inboxURL is where peers post.
func (e *env) inboxURL() string { return e.community.Inbox() }

// subscribe subscribes an account's server.
func (e *env) subscribe(a *account) {
	e.t.Helper()
	if got := a.message(e.t, a.follow(0)).send(e.t, e.inboxURL()); got.Status != http.StatusAccepted {
		e.t.Fatalf("Follow: %d %s", got.Status, got.Error)
	}
}

// records reads the log from seq on, up to its end, repeats included.
func (e *env) records(from uint64) (list []*ingest.Record) {
	e.t.Helper()
	return e.seen(ingest.ViewAll, from)
}

// seen is what a surface sees of the log from seq on, up to its end.
func (e *env) seen(view ingest.View, from uint64) (list []*ingest.Record) {
	e.t.Helper()
	e.ingest.CatchUp()
	r := e.ingest.Tail.Reader(view, from)
	tip := e.ingest.Tail.Tip()
	ctx, cancel := context.WithTimeout(e.t.Context(), 10*time.Second)
	defer cancel()
	for r.Position() < tip {
		batch, err := r.Next(ctx, 100)
		if err != nil {
			e.t.Fatal(err)
		}
		for _, entry := range batch.Entries {
			list = append(list, entry.Record)
		}
	}
	return list
}

// count is the value of the request counter for a status and a verdict.
func (e *env) count(status, verdict string) float64 {
	e.t.Helper()
	families, err := e.registry.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tributary_relay_inbox_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["status"] == status && labels["verdict"] == verdict {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
