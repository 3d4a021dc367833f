package daemon

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tributary/cmd/internal/archive"
	"tributary/cmd/internal/config"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
	"tributary/ingest/token"
	"tributary/relay"
)

const backupActor = "https://relay.example/actor"

// at is a data directory with the embedded log.
func at(t *testing.T, dir string) *moving {
	t.Helper()
	cfg, _, err := config.Load(config.Input{Environ: []string{"TRIBUTARY_DATA=" + dir, "TRIBUTARY_URL=https://relay.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return &moving{t: t, cfg: cfg}
}

// inState uses the state database.
func (m *moving) inState(f func(ctx context.Context, db *state.DB)) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := state.Open(ctx, m.cfg.Database.URL, ingesttest.Logger(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	f(ctx, db)
}

// identity is what must be the same after a restore: the key, the token, the subscriber.
func (m *moving) identity(secret string) (found string) {
	m.inState(func(ctx context.Context, db *state.DB) {
		key, err := relay.LoadKey(ctx, db, backupActor)
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := token.New(db).Verify(ctx, secret, token.Read); err != nil {
			m.t.Error(err)
		}
		var subscriber, lane string
		err = db.Read().QueryRowContext(ctx, `SELECT s.actor, l.position FROM subscribers s JOIN lanes l ON l.inbox = s.delivery`).Scan(&subscriber, &lane)
		if err != nil {
			m.t.Error(err)
		}
		found = key.D.String() + subscriber + lane
	})
	return found
}

// settle gives the relay a key, a token and a subscriber whose lane stands somewhere.
func (m *moving) settle() (secret string) {
	m.inState(func(ctx context.Context, db *state.DB) {
		if _, err := relay.LoadKey(ctx, db, backupActor); err != nil {
			m.t.Fatal(err)
		}
		var err error
		if secret, _, err = token.New(db).Create(ctx, "test", []string{token.Read}, 0); err != nil {
			m.t.Fatal(err)
		}
		err = db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO subscribers (actor, host, inbox, delivery, follow, object, state, created_at, updated_at)
				VALUES ('https://a.example/actor', 'a.example', 'https://a.example/inbox', 'https://a.example/inbox', 'f', 'o', 'accepted', 1, 1)`)
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO lanes (inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
				VALUES ('https://a.example/inbox', 'a.example', 3, 1, 2, 0, 1, 0, $1, 0)`, "500: cut \xe2\x82 off")
			return err
		})
		if err != nil {
			m.t.Fatal(err)
		}
	})
	return secret
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A backup of a program that runs, restored elsewhere: it is who it was, and its log goes on.
func TestBackupAndRestore(t *testing.T) {
	ctx := context.Background()
	from := at(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "relay.backup")
	configFile := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(configFile, []byte("title: Ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	running, err := openDataDir(ctx, from.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	stop := from.embedded()
	secret := from.settle()
	from.run("a.example", 25)
	want := from.run("b.example", 5)
	var told []string
	report, err := Backup(ctx, from.cfg, BackupOptions{
		Path: file, Log: true, Config: configFile, Program: "v1", Progress: func(p Progress) { told = append(told, p.Step) },
	}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if report.Records != 30 || report.Rows < 30 || report.Bytes == 0 || report.URL != "https://relay.example" || len(told) < report.Tables {
		t.Errorf("%+v, told of %q", report, told)
	}
	stop()
	if err := running.close(); err != nil {
		t.Fatal(err)
	}
	// Not running, without the log, and nothing written.
	dry, err := Backup(ctx, from.cfg, BackupOptions{Path: file, DryRun: true, Log: true}, quiet())
	if err != nil || dry.Rows != report.Rows || dry.Records != report.Records || dry.File != "" {
		t.Errorf("%+v, %v", dry, err)
	}
	if _, err := Backup(ctx, from.cfg, BackupOptions{Path: file}, quiet()); !errors.Is(err, archive.ErrExists) {
		t.Errorf("over another one: %v", err)
	}

	to := at(t, filepath.Join(t.TempDir(), "new"))
	verified, err := Restore(ctx, to.cfg, RestoreOptions{Path: file, DryRun: true, SaidURL: true}, quiet())
	if err != nil || verified.Rows != report.Rows || verified.Records != report.Records || verified.Program != "v1" {
		t.Errorf("%+v, %v", verified, err)
	}
	if _, err := os.Stat(to.cfg.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run made the directory: %v", err)
	}
	restored, err := Restore(ctx, to.cfg, RestoreOptions{Path: file, Progress: func(Progress) {}}, quiet())
	if err != nil || !reflect.DeepEqual(restored, verified) {
		t.Fatalf("%+v, %v", restored, err)
	}
	if text, err := os.ReadFile(filepath.Join(to.cfg.Data, "backup-config.yaml")); err != nil || string(text) != "title: Ours\n" {
		t.Errorf("%q, %v", text, err)
	}
	if got, want := to.identity(secret), from.identity(secret); got != want || want == "" {
		t.Errorf("%s became %s", want, got)
	}
	defer to.embedded()()
	got := to.run("c.example", 3)
	if len(got) != len(want)+3 || !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("the log has\n%s\nwant\n%s\nand three", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: file}, quiet()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over another one: %v", err)
	}
}

// A backup without the log, and a directory in which the log was kept, newer than the backup.
func TestRestoreBesideTheLog(t *testing.T) {
	ctx := context.Background()
	m := at(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "relay.backup")
	stop := m.embedded()
	m.run("a.example", 10)
	if _, err := Backup(ctx, m.cfg, BackupOptions{Path: file}, quiet()); err != nil {
		t.Fatal(err)
	}
	want := m.run("b.example", 10) // after the backup
	stop()
	to := at(t, filepath.Join(t.TempDir(), "new"))
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: file}, quiet()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(m.cfg.Data, "log"), filepath.Join(to.cfg.Data, "log")); err != nil {
		t.Fatal(err)
	}
	defer to.embedded()()
	if got := to.run("c.example", 1); len(got) != len(want)+1 || !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("the log has\n%s\nwant\n%s\nand one", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// edited writes an archive that differs from another one.
func edited(t *testing.T, from, to string, change func(name string, data []byte) (string, []byte)) {
	t.Helper()
	r, err := archive.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := archive.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for {
		name, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, data = change(name, data); name == "" {
			continue
		}
		if err := w.Add(name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// What cannot be restored is refused before anything is written.
func TestRestoreRefuses(t *testing.T) {
	ctx := context.Background()
	m := at(t, t.TempDir())
	stop := m.embedded()
	m.run("a.example", 3)
	stop()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	if _, err := Backup(ctx, m.cfg, BackupOptions{Path: whole, Log: true}, quiet()); err != nil {
		t.Fatal(err)
	}
	inManifest := func(change func(m *manifest)) func(string, []byte) (string, []byte) {
		return func(name string, data []byte) (string, []byte) {
			if name != manifestEntry {
				return name, data
			}
			var m manifest
			if err := json.Unmarshal(data, &m); err != nil {
				t.Fatal(err)
			}
			change(&m)
			data, _ = json.Marshal(m)
			return name, data
		}
	}
	renamed := func(from, to string) func(string, []byte) (string, []byte) {
		return func(name string, data []byte) (string, []byte) { return strings.Replace(name, from, to, 1), data }
	}
	for i, c := range []struct {
		name   string
		change func(string, []byte) (string, []byte)
		want   string
	}{
		{"no manifest", renamed(manifestEntry, ""), "manifest"},
		{"another file", renamed(manifestEntry, "else.json"), "manifest"},
		{"another format", inManifest(func(m *manifest) { m.Format = "x" }), "manifest"},
		{"a newer format", inManifest(func(m *manifest) { m.Version++ }), "newer one"},
		{"a newer database", inManifest(func(m *manifest) { m.Database.Migration = 999 }), "newer"},
		{"other tables", inManifest(func(m *manifest) { m.Database.Tables = m.Database.Tables[1:] }), "tables"},
		{"no log", inManifest(func(m *manifest) { m.Log = nil }), "outside of its log"},
		{"rows of no table", renamed("state/objects", "state/sqlite_master"), "sqlite_master"},
		{"rows of another table", renamed("state/objects", "state/keys"), "keys"},
		{"an entry of the future", renamed(settingsEntry, "media/000001"), "does not know"},
		{"records that are none", renamed("state/objects", "log"), "record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "edited"+string(rune('a'+i)))
			edited(t, whole, path, c.change)
			to := at(t, filepath.Join(t.TempDir(), "new"))
			_, err := Restore(ctx, to.cfg, RestoreOptions{Path: path}, quiet())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := os.Stat(to.cfg.Data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}

	to := at(t, filepath.Join(t.TempDir(), "new"))
	to.cfg.URL = "https://else.example"
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: whole, SaidURL: true}, quiet()); err == nil || !strings.Contains(err.Error(), "https://else.example") {
		t.Errorf("another url: %v", err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cut"), bytes.Clone(data[:len(data)-100]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: filepath.Join(dir, "cut")}, quiet()); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a part of a file: %v", err)
	}
}

// The program does not start on half a restore, and one that failed before anything was there can be done again.
func TestRestoreIsUnfinished(t *testing.T) {
	ctx := context.Background()
	m := at(t, t.TempDir())
	stop := m.embedded()
	m.run("a.example", 3)
	stop()
	file := filepath.Join(t.TempDir(), "relay.backup")
	if _, err := Backup(ctx, m.cfg, BackupOptions{Path: file, Log: true}, quiet()); err != nil {
		t.Fatal(err)
	}
	to := at(t, filepath.Join(t.TempDir(), "new"))
	// The database is in a folder that is not there.
	there := to.cfg.Database.URL
	to.cfg.Database.URL = "sqlite:" + filepath.Join(to.cfg.Data, "missing", "state.db")
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: file}, quiet()); err == nil {
		t.Error("no error")
	}
	to.cfg.Database.URL = there
	// The log cannot be written: a file of its name appears after the directory was found empty.
	_, err := Restore(ctx, to.cfg, RestoreOptions{Path: file, Progress: func(p Progress) {
		if p.Step == "database" && p.Done == p.Total {
			if err := os.WriteFile(filepath.Join(to.cfg.Data, "log"), nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	}}, quiet())
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := openDataDir(ctx, to.cfg.Data); !errors.Is(err, ErrRestoring) {
		t.Errorf("the program starts: %v", err)
	}
	if _, err := Restore(ctx, to.cfg, RestoreOptions{Path: file}, quiet()); !errors.Is(err, ErrRestoring) {
		t.Errorf("restored again: %v", err)
	}
}

// A Kafka takes the log of a backup if it has none; one that it has can be kept.
func TestRestoreToKafka(t *testing.T) {
	ctx := context.Background()
	m := at(t, t.TempDir())
	stop := m.embedded()
	want := m.run("a.example", 12)
	stop()
	file := filepath.Join(t.TempDir(), "relay.backup")
	if _, err := Backup(ctx, m.cfg, BackupOptions{Path: file, Log: true}, quiet()); err != nil {
		t.Fatal(err)
	}
	k := ingesttest.NewBroker(t, "").Kafka()
	onKafka := func() *moving {
		to := at(t, filepath.Join(t.TempDir(), "new"))
		to.cfg.Kafka.Brokers, to.cfg.Kafka.Topic, to.log = []string{k.Addr.String()}, k.Topic, k
		return to
	}
	first := onKafka()
	if _, err := Restore(ctx, first.cfg, RestoreOptions{Path: file}, quiet()); err != nil {
		t.Fatal(err)
	}
	got := first.run("b.example", 2)
	if len(got) != len(want)+2 || !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("the log has\n%s\nwant\n%s\nand two", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	second := onKafka()
	if _, err := Restore(ctx, second.cfg, RestoreOptions{Path: file}, quiet()); err == nil || !strings.Contains(err.Error(), "--skip-log") {
		t.Errorf("over another log: %v", err)
	}
	if _, err := os.Stat(second.cfg.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	if _, err := Restore(ctx, second.cfg, RestoreOptions{Path: file, SkipLog: true}, quiet()); err != nil {
		t.Fatal(err)
	}
	if again := second.run("c.example", 1); len(again) != len(got)+1 || !reflect.DeepEqual(again[:len(got)], got) {
		t.Errorf("the log has\n%s\nwant\n%s\nand one", strings.Join(again, "\n"), strings.Join(got, "\n"))
	}
}
