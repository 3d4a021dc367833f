package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/folder"
)

func TestProduceAndFetch(t *testing.T) {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	if at := mustProduce(t, c, "a", "b"); at != 0 {
		t.Fatalf("first record of an empty log at %d", at)
	}
	if at := mustProduce(t, c, "c"); at != 2 {
		t.Fatalf("third record at %d", at)
	}
	if got := fmt.Sprint(read(t, c, 0)); got != "map[0:a 1:b 2:c]" {
		t.Fatal(got)
	}
	if got := fmt.Sprint(read(t, c, 2)); got != "map[2:c]" {
		t.Fatal(got)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	o := options(t)
	b := open(t, o)
	mustProduce(t, client(t, o.Socket), "a", "b")
	closeBroker(t, b)
	open(t, o)
	got := read(t, client(t, o.Socket), 0)
	if got[0] != "a" || got[1] != "b" || got[2] != "heartbeat" || len(got) != 3 {
		t.Fatal(got)
	}
}

// A log that is opened for a copy stays as it is.
func TestStillBrokerWritesNothing(t *testing.T) {
	o := options(t)
	o.Still = true
	o.Retention.Every = time.Millisecond
	b := open(t, o)
	mustProduce(t, client(t, o.Socket), "a", "b")
	closeBroker(t, b)
	o.Retention.Age = time.Millisecond
	open(t, o)
	time.Sleep(20 * time.Millisecond) // many runs of the keeper, if there were any
	if got := read(t, client(t, o.Socket), 0); len(got) != 2 {
		t.Fatal(got)
	}
}

// A fetch at the end waits MaxWait and brings nothing, no error; a record that arrives
// meanwhile is brought at once.
func TestFetchWaits(t *testing.T) {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	mustProduce(t, c, "a")
	fetch := func(wait time.Duration) (*kafka.FetchResponse, error) {
		return c.Fetch(t.Context(), &kafka.FetchRequest{
			Topic: Topic, Partition: Partition, Offset: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: wait,
		})
	}
	begun := time.Now()
	res, err := fetch(50 * time.Millisecond)
	if err != nil || res.Error != nil || res.HighWatermark != 1 || time.Since(begun) < 50*time.Millisecond {
		t.Fatalf("fetch at the end: %+v, %v, after %s", res, err, time.Since(begun))
	}
	if _, err := res.Records.ReadRecord(); err == nil {
		t.Fatal("fetch at the end brought a record")
	}
	type answer struct {
		res *kafka.FetchResponse
		err error
	}
	answers := make(chan answer)
	go func() {
		res, err := fetch(time.Hour) // would wait for ever
		answers <- answer{res, err}
	}()
	mustProduce(t, c, "b")
	a := <-answers
	if a.err != nil || a.res.Error != nil {
		t.Fatal(a.err, a.res.Error)
	}
	r, err := a.res.Records.ReadRecord()
	if err != nil || r.Offset != 1 {
		t.Fatal(r, err)
	}
}

// A cancelled fetch returns at once, and the next one is served.
func TestFetchIsCancelled(t *testing.T) {
	o := options(t)
	b := open(t, o)
	c := client(t, o.Socket)
	mustProduce(t, c, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Fetch(ctx, &kafka.FetchRequest{Topic: Topic, Offset: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Minute})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := read(t, c, 0); len(got) != 1 {
		t.Fatal(got)
	}
	closeBroker(t, b) // a waiting fetch does not hold it up
}

func TestOutOfRangeIsInTheResponse(t *testing.T) {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	mustProduce(t, c, "a")
	res, err := c.Fetch(t.Context(), &kafka.FetchRequest{Topic: Topic, Offset: 9, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
	if err != nil || !errors.Is(res.Error, kafka.OffsetOutOfRange) {
		t.Fatalf("%v, %+v", err, res)
	}
}

func TestLargestBatch(t *testing.T) {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	mustProduce(t, c, strings.Repeat("x", 1<<20-200)) // a record of 1 MiB with its overhead
	_, err := produce(t.Context(), c, strings.Repeat("x", MaxBatchBytes))
	if !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Fatalf("too large a batch: %v", err)
	}
	mustProduce(t, c, "next")
}

// sockaddr_un ends at 108 bytes; a data directory does not.
func TestLongPath(t *testing.T) {
	o := options(t)
	o.Dir = filepath.Join(o.Dir, strings.Repeat("d", 200), strings.Repeat("e", 200))
	o.Socket = filepath.Join(o.Dir, "broker.sock")
	b := open(t, o)
	mustProduce(t, client(t, o.Socket), "a")
	closeBroker(t, b)
	if _, err := os.Stat(o.Socket); !os.IsNotExist(err) {
		t.Fatalf("socket is left behind: %v", err)
	}
}

func TestModes(t *testing.T) {
	o := options(t)
	open(t, o)
	for name, want := range map[string]os.FileMode{o.Dir: 0o700, o.Socket: 0o600, filepath.Join(o.Dir, "lock"): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	o := options(t)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := folder.Listen(o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // the file stays, as after SIGKILL
	open(t, o)
	mustProduce(t, client(t, o.Socket), "a")
}

// A broker that finds the directory locked waits: the child of a killed parent is on
// its way out.
func TestLockIsWaitedFor(t *testing.T) {
	o := options(t)
	b := open(t, o)
	mustProduce(t, client(t, o.Socket), "a")
	second := o
	second.LockWait = time.Minute
	opened := make(chan *Broker)
	go func() {
		b, err := Open(context.Background(), second)
		if err != nil {
			t.Error(err)
		}
		opened <- b
	}()
	closeBroker(t, b)
	next := <-opened
	if next == nil {
		t.FailNow()
	}
	defer next.Close()
	if got := read(t, client(t, o.Socket), 0); got[0] != "a" {
		t.Fatal(got)
	}
}

func TestWaitForTheLockEndsWithItsContext(t *testing.T) {
	o := options(t)
	open(t, o)
	o.LockWait = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// The address is a name that no resolver knows: a client without the transport fails.
func TestAddrLeadsNowhere(t *testing.T) {
	if !strings.HasSuffix(strings.Split(Addr.String(), ":")[0], ".invalid") {
		t.Fatal(Addr)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no dir":             func(o *Options) { o.Dir = "" },
		"no socket":          func(o *Options) { o.Socket = "" },
		"no heartbeat":       func(o *Options) { o.Heartbeat = nil },
		"no log":             func(o *Options) { o.Log = nil },
		"small retention":    func(o *Options) { o.Retention.Bytes = 1 << 20 },
		"large segments":     func(o *Options) { o.Retention.SegmentBytes = 1 << 40 },
		"negative interval":  func(o *Options) { o.Retention.Every = -1 },
		"negative roll time": func(o *Options) { o.Retention.Roll = -1 },
	} {
		o := options(t)
		change(&o)
		if b, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
			b.Close()
		}
	}
}
