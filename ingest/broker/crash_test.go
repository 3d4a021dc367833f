package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sys/unix"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
	"tributary/ingest/testseed"
)

// SIGKILL while producers write loses nothing that was acknowledged, and the log goes
// on with the next life of the child.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	seed := testseed.Of(t)
	random := rand.New(rand.NewPCG(seed, 0))
	o := options(t)
	p := supervise(t, o)
	childtest.Ready(t, p)
	c := client(t, o.Socket)

	acked := map[int64]string{}
	var mu sync.Mutex
	var producers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for id := range 4 {
		producers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				value := fmt.Sprintf("%d/%d %s", id, n, strings.Repeat("x", n%3000))
				at, err := produce(t.Context(), c, value)
				if err != nil {
					continue
				}
				mu.Lock()
				acked[at] = value
				mu.Unlock()
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	for range 3 {
		childtest.Ready(t, p)
		at := count() + 20 + random.IntN(300)
		childtest.Await(t, "acknowledged records", func() bool { return count() >= at })
		childtest.Kill(t, p.Pid())
		childtest.Await(t, "records after the kill", func() bool { return count() > at+50 })
	}
	stop()
	producers.Wait()

	got := read(t, client(t, o.Socket), 0)
	for at, value := range acked {
		if got[at] != value {
			t.Errorf("acknowledged record at %d is lost", at)
		}
	}
	t.Logf("%d acknowledged, %d in the log", len(acked), len(got))
}

// kill -9 of the server, then at once another one in the same directory: no orphan,
// and the new child gets the lock.
func TestRestartAtOnceAfterKill(t *testing.T) {
	o := options(t)
	for round := range 3 {
		server, broker := startServer(t, o)
		c := client(t, o.Socket)
		mustProduce(t, c, fmt.Sprint("round ", round))
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = server.Wait()
		defer childtest.Await(t, "end of the orphan", func() bool { return childtest.Gone(broker) })
	}
	p := supervise(t, o)
	childtest.Ready(t, p)
	var rounds []string
	for _, v := range read(t, client(t, o.Socket), 0) {
		if strings.HasPrefix(v, "round") {
			rounds = append(rounds, v)
		}
	}
	if len(rounds) != 3 {
		t.Fatal(rounds)
	}
}

func startServer(t *testing.T, o Options) (server *exec.Cmd, broker int) {
	t.Helper()
	return childtest.StartParent(t, "parent", "broker", "-dir", o.Dir, "-socket", o.Socket)
}

// A second instance is refused, in words that name the directory.
func TestSecondInstance(t *testing.T) {
	o := options(t)
	childtest.Ready(t, supervise(t, o))
	o.Socket += "2"
	log := &childtest.Recorder{}
	second, err := child.Start(t.Context(), child.Spec{
		Name: "broker", Log: log.Logger(),
		Args: []string{"broker", "-dir", o.Dir, "-socket", o.Socket, "-lock-wait", "1ns"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	want := "data directory is in use by another broker: " + o.Dir
	childtest.Await(t, "refusal", func() bool { return strings.Contains(log.String(), want) })
}

// What a broken end of the log costs: the last batch, said aloud.
func TestTornTail(t *testing.T) {
	image := damaged(t)
	cut(t, lastSegment(t, image.Dir), 3)
	got := reopen(t, image, "torn batch", "from_offset=5", "lost_bytes=")
	if len(got) != 5 || got[4] != "4" {
		t.Fatal(got)
	}
}

func TestFlippedByte(t *testing.T) {
	image := damaged(t)
	flip(t, lastSegment(t, image.Dir), batchHeader+5) // in the first of six batches
	got := reopen(t, image, "checksum", "from_offset=0", "lost_records_min=6")
	if len(got) != 0 {
		t.Fatal(got)
	}
}

func TestZeroedSegment(t *testing.T) {
	image := damaged(t)
	name := lastSegment(t, image.Dir)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, make([]byte, info.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := reopen(t, image, "not a record batch"); len(got) != 0 {
		t.Fatal(got)
	}
}

// A sealed segment is damaged: later segments stay, with their offsets.
func TestFlippedByteInOldSegment(t *testing.T) {
	o := options(t)
	o.Retention = Retention{Bytes: 4 << 20, SegmentBytes: 1}
	open(t, o)
	c := client(t, o.Socket)
	for i := range 6 {
		mustProduce(t, c, fmt.Sprint(i))
	}
	image := crashImage(t, o)
	flip(t, filepath.Join(image.Dir, partitionDir, "2.dat"), -1)
	got := reopen(t, image, "checksum", "from_offset=2", "to_offset=3", "lost_records=1")
	if len(got) != 5 || got[1] != "1" || got[3] != "3" {
		t.Fatal(got)
	}
	again := crashImage(t, image)
	reopen(t, again, "hole from an earlier loss")
}

// damaged is the crash image of a log with six records in six batches.
func damaged(t *testing.T) Options {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	for i := range 6 {
		mustProduce(t, c, fmt.Sprint(i))
	}
	return crashImage(t, o)
}

// reopen starts a broker on a damaged log, expects the words in its log, writes a
// record, restarts once more, and returns what the log had before that record.
func reopen(t *testing.T, o Options, words ...string) map[int64]string {
	t.Helper()
	o.off.startRun = true
	log := &childtest.Recorder{}
	o.Log = log.Logger()
	b := open(t, o)
	for _, w := range words {
		if !strings.Contains(log.String(), w) {
			t.Errorf("log does not say %q:\n%s", w, log)
		}
	}
	c := client(t, o.Socket)
	first, _ := bounds(t, c)
	before := read(t, c, first)
	at := mustProduce(t, c, "after the loss")
	if got := read(t, c, at); got[at] != "after the loss" {
		t.Errorf("what is written after the loss cannot be read: %v", got)
	}
	closeBroker(t, b)
	b = open(t, o)
	if got := read(t, client(t, o.Socket), first); got[at] != "after the loss" || len(got) != len(before)+1 {
		t.Errorf("after another start: %v", got)
	}
	closeBroker(t, b)
	return before
}

// With a full disk producers get an error and the broker goes on; with space back it
// accepts again, and nothing acknowledged is lost. A limit on the size of its files does
// to the child what a full disk does: short writes, then errors.
func TestFullDisk(t *testing.T) {
	o := options(t)
	p := supervise(t, o)
	childtest.Ready(t, p)
	pid := p.Pid()
	c := client(t, o.Socket)
	acked := map[int64]string{}
	fill := func(n int) (refused error) {
		for i := range n {
			v := fmt.Sprint(i, strings.Repeat("x", 700))
			at, err := produce(t.Context(), c, v)
			if err != nil {
				return err
			}
			acked[at] = v
		}
		return nil
	}
	if err := fill(5); err != nil {
		t.Fatal(err)
	}
	limitFiles(t, pid, 10_000)
	if err := fill(100); !errors.Is(err, kafka.Unknown) {
		t.Fatalf("produce to a full disk: %v", err)
	}
	full := len(acked)
	if got := read(t, c, 0); len(got) != full {
		t.Fatalf("%d records with a full disk, %d acknowledged", len(got), full)
	}
	limitFiles(t, pid, unix.RLIM_INFINITY)
	if err := fill(5); err != nil {
		t.Fatal(err)
	}
	if p.Pid() != pid {
		t.Fatal("broker was started again")
	}
	check := func() {
		t.Helper()
		got := read(t, c, 0)
		for at, v := range acked {
			if got[at] != v {
				t.Errorf("record at %d is lost", at)
			}
		}
	}
	check()
	childtest.Kill(t, pid)
	childtest.Await(t, "the next child", func() bool { return p.Pid() != pid && p.Pid() != 0 })
	childtest.Ready(t, p)
	c = client(t, o.Socket) // each idle connection to the killed one costs a request
	check()
}

func limitFiles(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
}

// With a full disk retention still runs, for it is what frees the disk.
func TestRetentionWithFullDisk(t *testing.T) {
	o := options(t)
	b := open(t, o)
	c := client(t, o.Socket)
	if _, err := produceAt(t.Context(), c, longAgo, "old"); err != nil {
		t.Fatal(err)
	}
	k := keeperOf(b, o)
	k.heartbeat = func() []byte { return make([]byte, 2*MaxBatchBytes) } // cannot be written
	if err := k.run(t.Context()); !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Fatalf("the newest record has expired and nothing can follow it: %v", err)
	}
	if first, _ := bounds(t, c); first != 0 {
		t.Fatal("partition was emptied")
	}
	mustProduce(t, c, "young")
	if err := k.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first, end := bounds(t, c); first != 1 || end != 2 {
		t.Fatalf("log is [%d, %d), want the young record alone", first, end)
	}
}

// memory reads a value in KiB from /proc.
func memory(t testing.TB, pid int, key string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), key+":")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

// If the disk is full just when a segment begins, kfake refuses readers at the end of
// the log with OffsetOutOfRange though nothing is missing: see the package doc. It is
// over with the next write.
func TestFullDiskAtNewSegment(t *testing.T) {
	o := options(t)
	p := supervise(t, o, "-segment-bytes", "100")
	childtest.Ready(t, p)
	c := client(t, o.Socket)
	mustProduce(t, c, strings.Repeat("x", 100))
	limitFiles(t, p.Pid(), 0)
	if _, err := produce(t.Context(), c, "y"); !errors.Is(err, kafka.Unknown) {
		t.Fatalf("produce to a full disk: %v", err)
	}
	fetch := func() error {
		res, err := c.Fetch(t.Context(), &kafka.FetchRequest{Topic: Topic, Offset: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Millisecond})
		if err != nil {
			return err
		}
		return res.Error
	}
	if err := fetch(); !errors.Is(err, kafka.OffsetOutOfRange) {
		t.Errorf("fetch at the end: %v: kfake has mended it", err)
	}
	if first, end := bounds(t, c); first != 0 || end != 1 {
		t.Errorf("log is [%d, %d)", first, end)
	}
	limitFiles(t, p.Pid(), unix.RLIM_INFINITY)
	if at := mustProduce(t, c, "y"); at != 1 {
		t.Errorf("next record at %d", at)
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	if got := read(t, c, 0); len(got) != 2 || got[1] != "y" {
		t.Error(got)
	}
}
