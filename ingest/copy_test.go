package ingest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
	"tributary/ingest/testseed"
)

// tryCopy copies a log for the state database in dir.
func tryCopy(t *testing.T, from, to *ingesttest.Broker, dir string, change func(*ingest.CopyConfig)) (ingest.CopyReport, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := state.Open(ctx, statetest.Source(t, filepath.Join(dir, "state.db")), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cfg := ingest.CopyConfig{From: from.Kafka(), To: to.Kafka(), DB: db, Logger: ingesttest.Logger(t), Quiet: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	return ingest.Copy(ctx, cfg)
}

func copyLog(t *testing.T, from, to *ingesttest.Broker, dir string) ingest.CopyReport {
	t.Helper()
	r, err := tryCopy(t, from, to, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reading is all that readers from many cursors are brought.
type reading struct {
	View   ingest.View
	Cursor uint64
	Seen   []seen
	Events []ingest.Event
}

// readTo is readAll for who knows where the log ends.
func readTo(t *testing.T, tail *ingest.Tail, v ingest.View, cursor, tip uint64) (all []seen, events []ingest.Event) {
	t.Helper()
	r := tail.Reader(v, cursor)
	for deadline := time.Now().Add(20 * time.Second); r.Position() < tip; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond) // what is hidden only moves the position
		batch, err := r.Next(ctx, 16)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, batch.Events...)
		for _, e := range batch.Entries {
			r := e.Record
			all = append(all, seen{r.Seq, r.Kind, r.ID, r.Object, r.Actor, r.Tier, r.PrevTier, r.PrevGrant})
		}
	}
	return all, events
}

func readings(t *testing.T, tail *ingest.Tail, cursors []uint64, tip uint64) (all []reading) {
	t.Helper()
	for _, v := range []ingest.View{ingest.ViewStream, ingest.ViewLane, ingest.ViewIndex} {
		for _, c := range cursors {
			records, events := readTo(t, tail, v, c, tip)
			if c == 0 {
				events = nil // whoever asks for what there is, is told of a loss behind the first page only
			}
			all = append(all, reading{v, c, records, events})
		}
	}
	return all
}

// past is a log with a history: what happened to it, from the seed.
type past struct {
	t      *testing.T
	rng    *rand.Rand
	broker *ingesttest.Broker
	dir    string
	env    *ingesttest.Env
}

func (p *past) happen() {
	p.t.Helper()
	switch p.rng.IntN(6) {
	default:
		for _, r := range history(p.rng, 5+p.rng.IntN(60)) {
			value, err := ingest.Encode(r)
			if err != nil {
				p.t.Fatal(err)
			}
			p.broker.Produce(value)
		}
	case 0: // a clean restart
		p.env.Stop()
		p.env.Start()
	case 1: // a kill
		p.env.CatchUp()
		dir := ingesttest.CopyState(p.t, p.dir)
		p.env.Stop()
		p.dir, p.env = dir, ingesttest.NewOn(p.t, p.broker, dir)
	case 3: // the newest records are lost while the program is stopped
		p.env.CatchUp()
		start, end := p.broker.Bounds()
		if end-start < 2 {
			return
		}
		p.env.Stop()
		kept := p.broker.Read(start, int(p.rng.Int64N(end-start)))
		p.broker.Stop()
		p.broker.Start()
		p.broker.CreateTopic()
		p.broker.Skip(start)
		p.broker.ProduceRecords(kept)
		p.env.Start()
	case 2: // records expire
		p.env.CatchUp()
		start, end := p.broker.Bounds()
		if end-start < 2 {
			return
		}
		p.broker.DeleteRecords(start + 1 + p.rng.Int64N(end-start-1))
		p.env.Stop()
		p.env.Start()
	}
	p.env.CatchUp()
}

// cursors are places in the log where a reader may resume.
func (p *past) cursors() []uint64 {
	start, tip := p.env.Tail.Start(), p.env.Tail.Tip()
	all := []uint64{0, 1, start - 1, start, start + 1, tip, tip + 1}
	for range 8 {
		all = append(all, p.rng.Uint64N(tip+1))
	}
	return all
}

// move copies the log to another broker and compares what readers see there.
func (p *past) move(to *ingesttest.Broker) {
	p.t.Helper()
	p.env.Stop()
	p.env.Start() // nothing is hot, and what expired is known
	p.env.CatchUp()
	cursors := p.cursors()
	tip, begun := p.env.Tail.Tip(), p.env.Tail.Start()
	want := readings(p.t, p.env.Tail, cursors, tip)
	p.env.Stop()
	r := copyLog(p.t, p.broker, to, p.dir)
	p.t.Logf("%+v", r)
	p.broker, p.env = to, ingesttest.NewOn(p.t, to, p.dir)
	p.env.CatchUp()
	got := readings(p.t, p.env.Tail, cursors, tip)
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			p.t.Fatalf("in the copy a reader sees\n%+v, want\n%+v", got[i], want[i])
		}
	}
	if got := p.env.Tail.Start(); got != begun && got != begun-1 { // it may count the epoch record
		p.t.Errorf("the copy starts at seq %d, want %d", got, begun)
	}
	next := ingesttest.Post("next.example", int(tip), ingest.TierSearch)
	reader := p.env.Tail.Reader(ingest.ViewStream, tip+1)
	p.env.Append(next)
	all, events := drain(p.t, reader, next.Object)
	if len(all) != 1 || len(events) != 0 || all[0].Seq != tip+1 {
		p.t.Errorf("after the copy came %+v %+v, want one post with seq %d", all, events, tip+1)
	}
}

// TestCopiedLogReadsTheSame moves logs with any past to another broker and back,
// and reads them there from any cursor, and with a new state database.
func TestCopiedLogReadsTheSame(t *testing.T) {
	seed := testseed.Of(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 6 {
		b, dir := ingesttest.NewFake(t, ""), t.TempDir()
		p := &past{t: t, rng: rng, broker: b, dir: dir, env: ingesttest.NewOn(t, b, dir)}
		for move := range 3 {
			p.happen()
			for range rng.IntN(6) {
				p.happen()
			}
			to := ingesttest.NewBroker(t, "")
			if move == 1 {
				to = ingesttest.NewFake(t, "")
			}
			p.move(to)
		}
		fresh := ingesttest.NewOn(t, p.broker, t.TempDir())
		fresh.CatchUp()
		if got, want := fresh.Tail.Tip(), p.env.Tail.Tip(); got != want {
			t.Errorf("a new state database ends at seq %d, want %d", got, want)
		}
		if got, want := fresh.Tail.Start(), p.env.Tail.Start(); got+1 < want || got > want+1 { // either may count the copy's epoch record
			t.Errorf("a new state database starts at seq %d, want %d", got, want)
		}
		fresh.Stop()
		p.env.Stop()
	}
}

// source is a stopped log whose first records have expired: its copy is shifted.
func source(t *testing.T) (*ingesttest.Broker, string) {
	t.Helper()
	b, dir := ingesttest.NewFake(t, ""), t.TempDir()
	env := ingesttest.NewOn(t, b, dir)
	b.Produce(values(t, "a.example", 0, 700)...)
	env.CatchUp()
	env.Stop()
	b.DeleteRecords(100)
	return b, dir
}

func TestCopyIsContinued(t *testing.T) {
	from, dir := source(t)
	to := ingesttest.NewBroker(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := tryCopy(t, from, to, dir, func(c *ingest.CopyConfig) {
		c.DryRun = true
		c.Progress = func(ingest.CopyProgress) { cancel() }
	})
	if err != nil || ctx.Err() == nil {
		t.Fatalf("dry run: %v, progress told: %v", err, ctx.Err() != nil)
	}
	first := copyLog(t, from, to, t.TempDir()) // a state database that knows nothing: the log says nothing of its base
	if first.First != 100 {                    // the epoch record; the first post has 101
		t.Fatalf("%+v", first)
	}
	// The same again finds everything there.
	again := copyLog(t, from, to, dir)
	if again.Found != again.Records || again.Records != 601 || again.Fingerprint != first.Fingerprint {
		t.Errorf("copied again: %+v after %+v", again, first)
	}
	// Half of it finds the half.
	half := ingesttest.NewBroker(t, "")
	half.CreateTopic()
	half.ProduceRecords(to.Read(0, 250))
	if r := copyLog(t, from, half, t.TempDir()); r.Found != 250 || r.Fingerprint != first.Fingerprint {
		t.Errorf("continued: %+v", r)
	}
}

func TestCopyRefuses(t *testing.T) {
	from, dir := source(t)
	t.Run("another log in the target", func(t *testing.T) {
		to := ingesttest.NewBroker(t, "")
		to.CreateTopic()
		to.Produce(values(t, "b.example", 0, 3)...)
		if _, err := tryCopy(t, from, to, dir, nil); !errors.Is(err, ingest.ErrTargetTaken) {
			t.Error(err)
		}
	})
	t.Run("more in the target", func(t *testing.T) {
		to := ingesttest.NewBroker(t, "")
		copyLog(t, from, to, t.TempDir())
		to.Produce(values(t, "b.example", 0, 1)...)
		if _, err := tryCopy(t, from, to, dir, nil); !errors.Is(err, ingest.ErrTargetTaken) {
			t.Error(err)
		}
	})
	t.Run("offsets ahead", func(t *testing.T) {
		to := ingesttest.NewBroker(t, "")
		to.CreateTopic()
		to.Produce(values(t, "b.example", 0, 300)...)
		to.DeleteRecords(300)
		if _, err := tryCopy(t, from, to, dir, nil); !errors.Is(err, ingest.ErrTargetOffsets) {
			t.Error(err)
		}
	})
	t.Run("another source", func(t *testing.T) {
		other := ingesttest.NewFake(t, "")
		other.CreateTopic()
		other.Produce(values(t, "b.example", 0, 900)...)
		if _, err := tryCopy(t, other, ingesttest.NewBroker(t, ""), dir, nil); !errors.Is(err, ingest.ErrOtherLog) {
			t.Error(err)
		}
	})
	for _, step := range []string{ingest.CopyStep, ingest.VerifyStep} {
		for name, who := range map[string]func(from, to *ingesttest.Broker) *ingesttest.Broker{
			"source": func(from, _ *ingesttest.Broker) *ingesttest.Broker { return from },
			"target": func(_, to *ingesttest.Broker) *ingesttest.Broker { return to },
		} {
			t.Run(name+" written during "+step, func(t *testing.T) {
				from, dir := source(t)
				to := ingesttest.NewBroker(t, "")
				before := stored(t, dir)
				written := false
				_, err := tryCopy(t, from, to, dir, func(c *ingest.CopyConfig) {
					c.Progress = func(p ingest.CopyProgress) {
						if p.Step == step && !written {
							written = true
							who(from, to).Produce(ingest.Heartbeat())
						}
					}
				})
				if !errors.Is(err, ingest.ErrBeingWritten) {
					t.Error(err)
				}
				if after := stored(t, dir); !reflect.DeepEqual(before, after) {
					t.Errorf("the state database was changed: %v, was %v", after, before)
				}
			})
		}
	}
}

// stored is what the state database says of the log's offsets.
func stored(t *testing.T, dir string) (rows [][2]int64) {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, statetest.Source(t, filepath.Join(dir, "state.db")), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Read().QueryContext(ctx, `SELECT start_offset, base FROM epochs UNION ALL SELECT first_seq, first_offset FROM marks`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var row [2]int64
		if err := found.Scan(&row[0], &row[1]); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}
