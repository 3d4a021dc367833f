package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tributary/cmd/internal/config"
	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
)

// moving is a data directory whose log moves.
type moving struct {
	t   *testing.T
	cfg config.Config
	log ingest.Kafka // where it is now
}

// run opens the log, as serve does, appends posts and returns what a reader from
// the start is brought.
func (m *moving) run(host string, posts int) (lines []string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := state.Open(ctx, m.cfg.Database.URL, ingesttest.Logger(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	log, err := ingest.Open(ctx, ingest.Config{Kafka: m.log, DB: db, Logger: ingesttest.Logger(m.t)})
	if err != nil {
		m.t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	defer func() { stop(); <-ended }()
	for i := range posts {
		if err := log.Append(ctx, ingesttest.Post(host, i, ingest.TierLive)); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := log.CatchUp(ctx); err != nil {
		m.t.Fatal(err)
	}
	reader := log.Tail().Reader(ingest.ViewStream, 0)
	for reader.Position() < log.Tail().Tip() {
		batch, err := reader.Next(ctx, 100)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range batch.Entries {
			lines = append(lines, fmt.Sprint(e.Record.Seq, e.Record.ID, e.Record.Object))
		}
	}
	return lines
}

// embedded starts the embedded broker as serve does, but in this process.
func (m *moving) embedded() (stop func()) {
	m.t.Helper()
	socket := filepath.Join(m.cfg.Data, "broker.sock")
	b, err := broker.Open(context.Background(), broker.Options{
		Dir: filepath.Join(m.cfg.Data, "log"), Socket: socket, Heartbeat: ingest.Heartbeat, Log: ingesttest.Logger(m.t),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	transport := broker.Transport(socket)
	m.log = ingest.Kafka{Addr: broker.Addr, Transport: transport, Topic: broker.Topic}
	return func() {
		transport.CloseIdleConnections()
		if err := b.Close(); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *moving) copy(from, to string, dry bool) (ingest.CopyReport, error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return CopyLog(ctx, m.cfg, CopyOptions{From: from, To: to, DryRun: dry}, ingesttest.Logger(m.t))
}

func TestLogMovesToKafkaAndBack(t *testing.T) {
	t.Run("to an empty log", func(t *testing.T) { testLogMoves(t, false) })
	t.Run("over the old log", func(t *testing.T) { testLogMoves(t, true) })
}

func testLogMoves(t *testing.T, keep bool) {
	dir := t.TempDir()
	server := ingesttest.NewBroker(t, "")
	k := server.Kafka()
	m := &moving{t: t, cfg: config.Config{
		Data: dir, Database: config.Database{URL: "sqlite:" + filepath.Join(dir, "state.db")},
		Kafka: config.Kafka{Brokers: []string{k.Addr.String()}, Topic: k.Topic, RetentionBytes: 64 << 20},
	}}
	stop := m.embedded()
	want := m.run("a.example", 40)
	stop()

	if _, err := m.copy(Embedded, Brokers, true); err != nil {
		t.Fatal(err)
	}
	if _, err := m.copy(Embedded, Brokers, false); err != nil {
		t.Fatal(err)
	}
	m.log = k
	got := m.run("b.example", 20)
	if len(got) != 60 || !reflect.DeepEqual(got[:40], want) {
		t.Errorf("on the Kafka:\n%v, want first\n%v", got, want)
	}

	if !keep {
		if err := os.RemoveAll(filepath.Join(dir, "log")); err != nil {
			t.Fatal(err)
		}
		if _, err := m.copy(Brokers, Embedded, true); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "log")); err == nil {
			t.Error("a dry run has made a log")
		}
	}
	report, err := m.copy(Brokers, Embedded, false)
	if err != nil || keep != (report.Found > 0) { // the old log is a beginning of the new one
		t.Fatalf("%+v, %v", report, err)
	}
	want = got
	stop = m.embedded()
	defer stop()
	got = m.run("c.example", 1)
	if len(got) != 61 || !reflect.DeepEqual(got[:60], want) {
		t.Errorf("embedded again:\n%v, want first\n%v", got, want)
	}
}

func TestLogInUseIsNotCopied(t *testing.T) {
	dir := t.TempDir()
	data, err := openDataDir(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = data.close() }()
	m := &moving{t: t, cfg: config.Config{Data: dir, Kafka: config.Kafka{Brokers: []string{"127.0.0.1:1"}}}}
	if _, err := m.copy(Embedded, Brokers, true); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}
