package stream

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/testseed"
)

// story makes a random log: creates of every tier on five servers, edits that
// raise and lower the tier, deletes, and one server withdrawn in the middle.
func story(rng *rand.Rand, n int) []*ingest.Record {
	type object struct {
		host string
		n    int
		over bool // deleted, or lowered for good
	}
	var objects []object
	var all []*ingest.Record
	padding := strings.Repeat("x", 700)
	for len(all) < n {
		if len(all) == n/2 {
			all = append(all, &ingest.Record{
				Kind: ingest.KindWithdraw, Scope: ingest.ScopeDomain, Object: "s0.example",
				Tier: ingest.TierRelay, PrevTier: ingest.TierSearch, Version: time.Now().UnixMilli(),
			})
			continue
		}
		tier := ingest.Tier(1 + rng.IntN(4))
		if what := rng.IntN(10); what >= 3 || len(objects) == 0 {
			o := object{host: fmt.Sprintf("s%d.example", rng.IntN(5)), n: len(objects)}
			objects = append(objects, o)
			r := ingesttest.Post(o.host, o.n, tier)
			r.Post.Content += padding
			all = append(all, r)
			continue
		}
		i := rng.IntN(len(objects))
		o := objects[i]
		if o.over {
			continue
		}
		r := ingesttest.Post(o.host, o.n, tier)
		if objects[i].over = rng.IntN(2) == 0; objects[i].over && rng.IntN(2) == 0 {
			all = append(all, ingesttest.Delete(r))
			continue
		}
		if objects[i].over = objects[i].over || tier < ingest.TierLive; tier < ingest.TierLive {
			r.Tier = ingest.TierRelay
		}
		r.Kind, r.Activity, r.Version, r.Content = ingest.KindUpdate, "Update", r.Version+int64(len(all))*1000, uint64(len(all))<<32
		all = append(all, r)
	}
	return all
}

// shown is one frame of the model.
type shown struct {
	seq  uint64
	kind string
}

// model says what a replay of a story shows, without asking the code that is tested.
func model(story []*ingest.Record, seqs []uint64) []shown {
	var out []shown
	tiers := map[string]ingest.Tier{}
	for i, r := range story {
		before := tiers[r.Object]
		kind := ""
		switch r.Kind {
		case ingest.KindCreate, ingest.KindUpdate:
			tiers[r.Object] = r.Tier
			switch {
			case r.Tier >= ingest.TierLive && !endedLater(story[i+1:], r):
				kind = "create"
				if r.Kind == ingest.KindUpdate && before >= ingest.TierLive {
					kind = "update"
				}
			case r.Tier < ingest.TierLive && before >= ingest.TierLive:
				kind = "delete"
			}
		case ingest.KindDelete:
			if before >= ingest.TierLive {
				kind = "delete"
			}
		case ingest.KindWithdraw:
			kind = "withdraw"
		}
		if kind != "" {
			out = append(out, shown{seqs[i], kind})
		}
	}
	return out
}

func endedLater(later []*ingest.Record, r *ingest.Record) bool {
	for _, l := range later {
		switch l.Kind {
		case ingest.KindWithdraw:
			if l.Object == r.Domain {
				return true
			}
		case ingest.KindDelete, ingest.KindUpdate:
			if l.Object == r.Object && l.Tier < ingest.TierLive {
				return true
			}
		}
	}
	return false
}

// appendStory writes a story past admission, and returns the seqs that it got.
func (f *fixture) appendStory(story []*ingest.Record) []uint64 {
	f.t.Helper()
	after := f.Tail.Tip()
	for len(story) > 0 {
		var values [][]byte
		for _, r := range story[:min(200, len(story))] {
			v, err := ingest.Encode(r)
			if err != nil {
				f.t.Fatal(err)
			}
			values = append(values, v)
		}
		f.Broker.Produce(values...)
		story = story[len(values):]
	}
	f.CatchUp()
	var seqs []uint64
	r := f.Tail.Reader(ingest.ViewAll, after+1)
	for f.Tail.Tip() > r.Position() {
		batch, err := r.Next(context.Background(), 1000)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range batch.Entries {
			if e.Record.Kind != ingest.KindEpoch {
				seqs = append(seqs, e.Record.Seq)
			}
		}
	}
	return seqs
}

// reader is a client with little memory of its own, which checks as it reads.
type reader struct {
	ws   *websocket.Conn
	want []shown
}

// open connects a reader with small buffers at the log's start.
func (f *fixture) open(want []shown) (*reader, error) {
	dial := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 96<<10)
		})
	}}
	d := websocket.Dialer{NetDialContext: dial.DialContext, ReadBufferSize: 1 << 10, WriteBufferSize: 256}
	ws, _, err := d.Dial("ws"+strings.TrimPrefix(f.web.URL, "http")+"?cursor=0", nil)
	return &reader{ws, want}, err
}

// read reads n frames and compares them with the model.
func (r *reader) read(n int) error {
	for ; n > 0 && len(r.want) > 0; n-- {
		_ = r.ws.SetReadDeadline(time.Now().Add(time.Minute))
		_, data, err := r.ws.ReadMessage()
		if err != nil {
			return err
		}
		got, err := parseShown(data)
		if err != nil {
			return err
		}
		if got.kind == kindHeartbeat {
			n++
			continue
		}
		if got != r.want[0] {
			return fmt.Errorf("%+v, the model says %+v and %d more", got, r.want[0], len(r.want)-1)
		}
		r.want = r.want[1:]
	}
	return nil
}

// parseShown reads the head of a frame.
func parseShown(data []byte) (s shown, err error) {
	_, kind, _ := bytes.Cut(data[:min(100, len(data))], []byte(`"kind":"`))
	kind, _, _ = bytes.Cut(kind, []byte{'"'})
	s.kind = string(kind)
	_, err = fmt.Sscanf(string(data[:min(40, len(data))]), `{"seq":%d,`, &s.seq)
	return s, err
}

// heap is what is alive, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Test200Readers: a hundred readers stand still at the log's start, a hundred
// read at all speeds. They cost at most 20 MB, and each sees what the model says,
// those who stood still when they go on.
func Test200Readers(t *testing.T) {
	seed := testseed.Of(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	const readers, records = 200, 1500
	f := newFixture(t, Config{}, nil)
	told := story(rng, records)
	want := model(told, f.appendStory(told))
	f.Stop()
	f.Start() // the log is behind the ring now
	f.serve(Config{}, nil)

	one, err := f.open(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.read(len(want)); err != nil { // the caches are full now, with or without readers
		t.Fatal(err)
	}
	one.ws.Close()
	f.reached("tributary_stream_clients", "", 0)
	none := heap()

	all := make([]*reader, readers)
	for i := range all {
		if all[i], err = f.open(want); err != nil {
			t.Fatal(err)
		}
		defer all[i].ws.Close()
	}
	stopped, moving := all[:readers/2], all[readers/2:]
	halfway, goOn := make(chan struct{}, len(moving)), make(chan struct{})
	var reading sync.WaitGroup
	for i, r := range moving {
		reading.Go(func() {
			chunk := 1 + i*i/20 // one frame at a time up to 490
			err := r.read(min(chunk, len(want)/2))
			halfway <- struct{}{}
			<-goOn
			for err == nil && len(r.want) > 0 {
				err = r.read(chunk)
				runtime.Gosched()
			}
			if err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	for range moving {
		<-halfway
	}
	eventually(t, "all writes wait for their clients", f.quiet)
	if behind := f.behind(want[len(want)-1].seq); behind < len(stopped) {
		t.Fatalf("only %d writes wait: the socket buffers have swallowed the log", behind)
	}
	with := heap()
	t.Logf("%d frames; heap with nobody %.1f MB, with %d readers +%.1f MB", len(want), mb(none), readers, mb(with-none))
	if with-none > 20<<20 {
		t.Errorf("%d readers cost %.1f MB", readers, mb(with-none))
	}
	close(goOn)
	reading.Wait()
	for i, r := range stopped {
		reading.Go(func() {
			if err := r.read(len(want)); err != nil {
				t.Errorf("stopped reader %d: %v", i, err)
			}
		})
	}
	reading.Wait()
}

// quiet reports whether nothing was sent for a moment.
func (f *fixture) quiet() bool {
	before := f.counter("tributary_stream_sent_bytes_total", "")
	time.Sleep(30 * time.Millisecond)
	return f.counter("tributary_stream_sent_bytes_total", "") == before
}

// behind is how many clients were not sent all up to seq.
func (f *fixture) behind(seq uint64) (n int) {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	for c := range f.srv.clients {
		if c.position.Load() < seq {
			n++
		}
	}
	return n
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// Readers who follow live while the story is told see all that lasts, in order
// and once. What was ended later they may have seen before its end.
func TestLiveReaders(t *testing.T) {
	seed := testseed.Of(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	f := newFixture(t, Config{}, nil)
	told := story(rng, 400)
	var reading sync.WaitGroup
	const readers = 20
	seen := make([][]shown, readers)
	done := make(chan uint64, 1) // the last seq
	last := sync.OnceValue(func() uint64 { return <-done })
	for i := range readers {
		r, err := f.open(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.ws.Close()
		reading.Go(func() {
			for {
				_, data, err := r.ws.ReadMessage()
				if err != nil {
					t.Error(err)
					return
				}
				s, err := parseShown(data)
				if err != nil {
					t.Error(err)
					return
				}
				if s.kind == "withdraw" && bytes.Contains(data, []byte("end.example")) && s.seq == last() {
					return
				}
				seen[i] = append(seen[i], s)
			}
		})
	}
	end := &ingest.Record{
		Kind: ingest.KindWithdraw, Scope: ingest.ScopeDomain, Object: "end.example",
		PrevTier: ingest.TierSearch, Version: time.Now().UnixMilli(),
	}
	seqs := f.appendStory(append(told, end))
	want := model(told, seqs)
	done <- seqs[len(seqs)-1]
	reading.Wait()
	possible := ended(told, seqs)
	for i := range seen {
		if err := compare(seen[i], want, possible); err != nil {
			t.Errorf("reader %d: %v", i, err)
		}
	}
}

// ended is what the model hides because of what came later.
func ended(story []*ingest.Record, seqs []uint64) map[uint64]bool {
	out := map[uint64]bool{}
	for i, r := range story {
		if r.Post != nil && r.Tier >= ingest.TierLive && endedLater(story[i+1:], r) {
			out[seqs[i]] = true
		}
	}
	return out
}

func compare(seen, want []shown, possible map[uint64]bool) error {
	var before uint64
	for _, s := range seen {
		if s.seq <= before {
			return fmt.Errorf("seq %d after %d", s.seq, before)
		}
		before = s.seq
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		} else if !possible[s.seq] {
			return fmt.Errorf("%+v is shown, the model says %+v", s, want[:min(1, len(want))])
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("%d frames are missing: %+v …", len(want), want[0])
	}
	return nil
}
