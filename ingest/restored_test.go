package ingest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
	"tributary/ingest/testseed"
)

// backup is a state database and a log as they were.
type backup struct {
	version int
	tables  []string
	rows    map[string][][]any
	log     []ingest.Exported
	bounds  *ingest.Export
}

// takeBackup reads both while the program runs, as `tributary backup --log` does.
func takeBackup(t *testing.T, p *past) *backup {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := state.OpenSnapshot(ctx, statetest.Source(t, filepath.Join(p.dir, "state.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := &backup{version: s.Version, rows: map[string][][]any{}}
	if b.bounds, err = ingest.OpenExport(ctx, p.broker.Kafka()); err != nil {
		t.Fatal(err)
	}
	for _, table := range s.Tables {
		b.tables = append(b.tables, table.Name)
		err := s.Rows(ctx, table, func(values []any) error {
			b.rows[table.Name] = append(b.rows[table.Name], slices.Clone(values))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = b.bounds.Records(ctx, func(x ingest.Exported) error {
		x.Value = slices.Clone(x.Value)
		b.log = append(b.log, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restore makes a state database of it in a new directory.
func (b *backup) restore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := state.Restore(context.Background(), statetest.Source(t, filepath.Join(dir, "state.db")), slog.New(slog.DiscardHandler), b.version, func(tx *sql.Tx, f *state.Filling) error {
		for _, table := range b.tables {
			for _, row := range b.rows[table] {
				if err := f.Row(table, row); err != nil {
					return err
				}
			}
		}
		return errors.Join(f.Flush(), ingest.Restored(context.Background(), tx))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// restoreLog also writes the log to a broker.
func (b *backup) restoreLog(t *testing.T, to *ingesttest.Broker, change func(*ingest.ImportConfig)) (string, error) {
	t.Helper()
	dir := b.restore(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := state.Open(ctx, statetest.Source(t, filepath.Join(dir, "state.db")), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cfg := ingest.ImportConfig{Start: b.bounds.Start, End: b.bounds.End, To: to.Kafka(), DB: db, Logger: ingesttest.Logger(t), Records: all(b.log)}
	if change != nil {
		change(&cfg)
	}
	_, err = ingest.Import(ctx, cfg)
	return dir, err
}

func all(records []ingest.Exported) func() iter.Seq2[ingest.Exported, error] {
	return func() iter.Seq2[ingest.Exported, error] {
		return func(yield func(ingest.Exported, error) bool) {
			for _, x := range records {
				if !yield(x, nil) {
					return
				}
			}
		}
	}
}

// shown is what stood for a seq, ever.
type shown map[uint64]seen

// add fails when a seq stands for something else than before.
func (s shown) add(t *testing.T, records []seen) {
	t.Helper()
	for _, r := range records {
		if was, ok := s[r.Seq]; ok && (was.Kind != r.Kind || was.Object != r.Object || was.ID != r.ID) {
			t.Fatalf("seq %d was %+v and is %+v", r.Seq, was, r)
		}
		s[r.Seq] = r
	}
}

// What restored positions mean: whatever log they meet, no seq stands for two records, what the log
// has is shown under the seqs that it had, and nobody misses what comes from then on.
func TestRestoredPositions(t *testing.T) {
	rng := rand.New(rand.NewPCG(testseed.Of(t), 0))
	for _, fate := range []string{"the same log", "a newer log", "an older log", "no log", "the log of the backup"} {
		for i := range 2 {
			t.Run(fmt.Sprint(fate, " ", i), func(t *testing.T) { testRestored(t, rng, fate) })
		}
	}
}

func testRestored(t *testing.T, rng *rand.Rand, fate string) {
	b, dir := ingesttest.NewFake(t, ""), t.TempDir()
	p := &past{t: t, rng: rng, broker: b, dir: dir, env: ingesttest.NewOn(t, b, dir)}
	ever := shown{}
	happen := func(times int) {
		for range times {
			p.happen()
			records, _ := readTo(t, p.env.Tail, ingest.ViewStream, 0, p.env.Tail.Tip())
			ever.add(t, records)
		}
	}
	happen(2 + rng.IntN(4))
	atBackup, _ := readTo(t, p.env.Tail, ingest.ViewStream, 0, p.env.Tail.Tip())
	backup, tipAtBackup := takeBackup(t, p), p.env.Tail.Tip()
	start, end := p.broker.Bounds()
	old := p.broker.Read(start, int(end-start)/2)

	if fate != "the same log" {
		happen(1 + rng.IntN(4))
	}
	tip := p.env.Tail.Tip()
	atEnd, _ := readTo(t, p.env.Tail, ingest.ViewStream, 0, tip)
	_, since := readTo(t, p.env.Tail, ingest.ViewStream, max(1, tipAtBackup), tip)
	p.env.Stop()

	var want []seen // what is read, where that can be told
	switch fate {
	case "the same log", "a newer log":
		want, dir = atEnd, backup.restore(t)
	case "an older log":
		p.broker = ingesttest.NewFake(t, "")
		p.broker.CreateTopic()
		p.broker.Skip(start)
		p.broker.ProduceRecords(old)
		dir = backup.restore(t)
	case "no log":
		p.broker = ingesttest.NewFake(t, "")
		dir = backup.restore(t)
	case "the log of the backup":
		p.broker = ingesttest.NewBroker(t, "")
		var err error
		if dir, err = backup.restoreLog(t, p.broker, nil); err != nil {
			t.Fatal(err)
		}
		want = atBackup
	}
	p.dir, p.env = dir, ingesttest.NewOn(t, p.broker, dir)
	p.env.CatchUp()
	got, _ := readTo(t, p.env.Tail, ingest.ViewStream, 0, p.env.Tail.Tip())
	ever.add(t, got)
	_, events := readTo(t, p.env.Tail, ingest.ViewStream, tipAtBackup, p.env.Tail.Tip())
	isLoss := func(e ingest.Event) bool { return e.Name == ingest.EventRegressed }
	lost := slices.ContainsFunc(events, isLoss)
	if lost && fate == "the same log" || !lost && fate == "no log" && tipAtBackup > 0 {
		t.Errorf("a reader is told of %+v", events)
	}
	// A newer log too may have lost records since, and what they said is not known any more; or records
	// expired, and with them withdrawals which say why a later one says nothing new.
	if first, _ := p.broker.Bounds(); lost || fate == "a newer log" && (first > start || slices.ContainsFunc(since, isLoss)) {
		want = nil
	}
	if want != nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("after the restore a reader sees\n%+v, want\n%+v", got, want)
	}
	cursors := append(p.cursors(), 1, tip/2, tip, tip+1)
	next := ingesttest.Post("next.example", 1, ingest.TierSearch)
	p.env.Append(next)
	for _, cursor := range cursors {
		records, _ := readTo(t, p.env.Tail, ingest.ViewStream, cursor, p.env.Tail.Tip())
		i := slices.IndexFunc(records, func(s seen) bool { return s.Object == next.Object })
		if i < 0 {
			t.Fatalf("a reader at %d misses what comes next: %+v", cursor, records)
		}
		if records[i].Seq <= tip {
			t.Fatalf("what comes next has seq %d, and %d was shown", records[i].Seq, tip)
		}
	}
	p.happen() // and it goes on
}

// The export must be of the log that the database knows, and the target empty.
func TestImportRefuses(t *testing.T) {
	b, dir := ingesttest.NewFake(t, ""), t.TempDir()
	p := &past{t: t, broker: b, dir: dir, env: ingesttest.NewOn(t, b, dir)}
	p.broker.Produce(values(t, "a.example", 0, 50)...)
	p.env.CatchUp()
	backup := takeBackup(t, p)
	p.env.Stop()
	broken := errors.New("the file cannot be read")
	for _, c := range []struct {
		name   string
		taken  bool
		change func(*ingest.ImportConfig)
		want   error
	}{
		{"another server has it", true, nil, ingest.ErrTargetTaken},
		{"another log", false, func(c *ingest.ImportConfig) {
			other := slices.Clone(backup.log)
			for i := range other {
				other[i].Value = append(slices.Clone(other[i].Value), 0)
			}
			c.Records = all(other)
		}, ingest.ErrOtherLog},
		{"half of it", false, func(c *ingest.ImportConfig) { c.Records = all(backup.log[:20]) }, ingest.ErrOtherLog},
		{"unreadable", false, func(c *ingest.ImportConfig) {
			c.Records = func() iter.Seq2[ingest.Exported, error] {
				return func(yield func(ingest.Exported, error) bool) { yield(ingest.Exported{}, broken) }
			}
		}, broken},
		{"another order", false, func(c *ingest.ImportConfig) {
			other := slices.Clone(backup.log)
			slices.Reverse(other)
			c.Records = all(other)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := ingesttest.NewFake(t, "")
			if c.taken {
				to.CreateTopic()
				to.Produce(values(t, "b.example", 0, 1)...)
			}
			_, err := backup.restoreLog(t, to, c.change)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if !c.taken {
				if _, end := to.Bounds(); end != 0 {
					t.Errorf("%d records were written", end)
				}
			}
		})
	}
}

// An empty log is restored to an empty one.
func TestImportOfNothing(t *testing.T) {
	b, dir := ingesttest.NewFake(t, ""), t.TempDir()
	p := &past{t: t, broker: b, dir: dir, env: ingesttest.NewOn(t, b, dir)}
	backup := takeBackup(t, p)
	p.env.Stop()
	to := ingesttest.NewBroker(t, "")
	dir, err := backup.restoreLog(t, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	env := ingesttest.NewOn(t, to, dir)
	env.Append(ingesttest.Post("a.example", 1, ingest.TierLive))
	if tip := env.Tail.Tip(); tip < 1<<40 {
		t.Error(fmt.Sprint("seqs begin anew: ", tip))
	}
}
