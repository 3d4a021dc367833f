package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// values returns the stored bytes of n posts of a host.
func values(t testing.TB, host string, from, to int) (all [][]byte) {
	t.Helper()
	for i := from; i < to; i++ {
		v, err := ingest.Encode(ingesttest.Post(host, i, ingest.TierSearch))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// replaced is a log that was read up to seq 30 and whose broker was then
// replaced by one with other content, while the product was stopped or running.
type replaced struct {
	name    string
	content func(t testing.TB, old [][]byte) [][]byte
}

func replacements() []replaced {
	return []replaced{
		{"emptied", func(testing.TB, [][]byte) [][]byte { return nil }},
		{"shortened", func(_ testing.TB, old [][]byte) [][]byte { return old[:10] }},
		{"shortened and regrown past the old tip", func(t testing.TB, old [][]byte) [][]byte {
			return append(append([][]byte(nil), old[:10]...), values(t, "b.example", 100, 150)...)
		}},
		{"another log", func(t testing.TB, _ [][]byte) [][]byte { return values(t, "c.example", 0, 60) }},
	}
}

func TestRegressedLog(t *testing.T) {
	for _, c := range replacements() {
		for _, running := range []bool{false, true} {
			name := c.name + "/stopped"
			if running {
				name = c.name + "/running"
			}
			t.Run(name, func(t *testing.T) { testRegressed(t, c, running) })
		}
	}
}

func testRegressed(t *testing.T, c replaced, running bool) {
	b := ingesttest.NewBroker(t, "")
	env := ingesttest.NewOn(t, b, t.TempDir())
	old := ingesttest.Records(values(t, "a.example", 0, 30)...)
	b.ProduceRecords(old)
	env.CatchUp()
	before, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
	tip := env.Tail.Tip()
	if len(before) != 30 || before[29].Seq != tip {
		t.Fatalf("%d records before, tip %d", len(before), tip)
	}
	reader := env.Tail.Reader(ingest.ViewStream, tip+1)

	if !running {
		env.Stop()
	}
	b.Stop()
	b.Start() // in memory: it has forgotten everything
	b.CreateTopic()
	b.ProduceRecords(ingesttest.Prefix(old, c.content(t, ingesttest.Values(old))))
	if !running {
		env.Start()
		reader = env.Tail.Reader(ingest.ViewStream, tip+1)
	}

	// The next accepted post gets through, under a seq that was never shown.
	next := ingesttest.Post("d.example", 1, ingest.TierSearch)
	env.Append(next)
	all, events := drain(t, reader, next.Object)
	for _, s := range all {
		if s.Seq <= tip {
			t.Errorf("seq %d of %s shown again (tip was %d)", s.Seq, s.Object, tip)
		}
	}
	if len(events) == 0 || events[0].Name != ingest.EventRegressed {
		t.Errorf("events %+v, want %s", events, ingest.EventRegressed)
	}
	// A reader from the start sees each post once, too.
	fromStart, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
	checkOnce(t, fromStart)
}

// drain reads until an object comes.
func drain(t testing.TB, r *ingest.Reader, object string) (all []seen, events []ingest.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		batch, err := r.Next(ctx, 16)
		if err != nil {
			t.Fatalf("waiting for %s: %v", object, err)
		}
		events = append(events, batch.Events...)
		for _, e := range batch.Entries {
			r := e.Record
			all = append(all, seen{r.Seq, r.Kind, r.ID, r.Object, r.Actor, r.Tier, r.PrevTier, r.PrevGrant})
			if r.Object == object {
				return all, events
			}
		}
	}
}

func TestExpiredRecordsAreTold(t *testing.T) {
	env := ingesttest.New(t)
	env.Broker.Produce(values(t, "a.example", 0, 300)...)
	env.CatchUp()
	env.Stop()
	env.Start() // nothing is hot
	env.Broker.DeleteRecords(200)
	all, events := readAll(t, env.Tail, ingest.ViewStream, 5)
	if len(events) != 1 || events[0].Name != ingest.EventExpired || events[0].From != 5 || events[0].To != 201 {
		t.Errorf("events %+v, want expired 5 to 201", events)
	}
	if len(all) != 100 || all[0].Seq != 201 {
		t.Errorf("%d records from seq %d, want 100 from 201", len(all), all[0].Seq)
	}
	if _, events := readAll(t, env.Tail, ingest.ViewStream, 0); len(events) != 0 {
		t.Errorf("a reader from the start is told %+v", events)
	}
}

func TestUncleanStopSkipsSeqs(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	dir := t.TempDir()
	env := ingesttest.NewOn(t, b, dir)
	b.Produce(values(t, "a.example", 0, 10)...)
	env.CatchUp()
	tip := env.Tail.Tip()
	killed := ingesttest.CopyState(t, dir) // as a kill leaves it: the ceiling still stands above the tip
	env.Stop()

	again := ingesttest.NewOn(t, b, killed)
	again.Append(ingesttest.Post("a.example", 11, ingest.TierSearch))
	if got := again.Tail.Tip(); got <= tip+1 {
		t.Errorf("tip %d after an unclean stop at %d: a seq may be shown twice", got, tip)
	}
	_, events := readAll(t, again.Tail, ingest.ViewStream, tip)
	if len(events) != 0 {
		t.Errorf("nothing was lost, but readers are told %+v", events)
	}
}

func TestCleanStopGoesOnWithTheNextSeq(t *testing.T) {
	env := ingesttest.New(t)
	env.Broker.Produce(values(t, "a.example", 0, 10)...)
	env.CatchUp()
	tip := env.Tail.Tip()
	env.Stop()
	env.Start()
	env.Append(ingesttest.Post("a.example", 11, ingest.TierSearch))
	if got := env.Tail.Tip(); got != tip+1 {
		t.Errorf("tip %d after a clean stop at %d and one post", got, tip)
	}
}

// TestLossIsToldToWhoReadsAcrossIt: a reader that was behind when the log
// regressed gets what it had before, then the event, then the rest.
func TestLossIsToldToWhoReadsAcrossIt(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	env := ingesttest.NewOn(t, b, t.TempDir())
	b.Produce(values(t, "a.example", 0, 10)...)
	env.CatchUp()
	reader := env.Tail.Reader(ingest.ViewStream, 0)
	b.Stop()
	b.Start()
	b.CreateTopic()
	env.Append(ingesttest.Post("b.example", 1, ingest.TierSearch))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	first, err := reader.Next(ctx, 100)
	if err != nil || len(first.Events) != 0 || len(first.Entries) != 10 {
		t.Fatalf("first batch: %+v, %v", first, err)
	}
	second, err := reader.Next(ctx, 100)
	if err != nil || len(second.Events) != 1 || second.Events[0].Name != ingest.EventRegressed {
		t.Fatalf("second batch: %+v, %v", second, err)
	}
}

// TestBaseComesBackFromTheLog: a new state database over an old log finds the
// base in the epoch records, so that no seq is lower than before.
func TestBaseComesBackFromTheLog(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	dir := t.TempDir()
	env := ingesttest.NewOn(t, b, dir)
	b.Produce(values(t, "a.example", 0, 10)...)
	env.CatchUp()
	killed := ingesttest.CopyState(t, dir)
	env.Stop()
	again := ingesttest.NewOn(t, b, killed) // raises the base
	again.Append(ingesttest.Post("a.example", 11, ingest.TierSearch))
	want, _ := readAll(t, again.Tail, ingest.ViewLane, 0)
	again.Stop()

	fresh := ingesttest.NewOn(t, b, t.TempDir())
	fresh.CatchUp()
	got, _ := readAll(t, fresh.Tail, ingest.ViewLane, 0)
	if len(want) != 11 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rebuilt:\n%v, want\n%v", got, want)
	}
}

// TestBaseIsInTheLogThoughItCouldNotBeWrittenAtOnce: the epoch record of a
// regression is appended when the broker takes it.
func TestBaseIsInTheLogThoughItCouldNotBeWrittenAtOnce(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	env := ingesttest.NewOn(t, b, t.TempDir())
	b.Produce(values(t, "a.example", 0, 10)...)
	env.CatchUp()
	tip := env.Tail.Tip()
	b.Stop()
	b.Start()
	refused := b.RefuseOnce()
	b.CreateTopic()
	<-refused
	reader := env.Tail.Reader(ingest.ViewLane, tip+1)
	next := ingesttest.Post("b.example", 1, ingest.TierSearch)
	env.Append(next)
	drain(t, reader, next.Object)
	env.Append(ingesttest.Post("b.example", 2, ingest.TierSearch))
	env.Stop()
	fresh := ingesttest.NewOn(t, b, t.TempDir())
	fresh.CatchUp()
	if got, want := fresh.Tail.Tip(), env.Tail.Tip(); got != want {
		t.Errorf("tip %d from the log alone, want %d", got, want)
	}
}
