package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/child/childtest"
)

// holding is a broker whose log may have 4 MiB, and 12 MiB as long as they are still to be read.
func holding(t *testing.T) Options {
	o := options(t)
	o.Retention = Retention{Bytes: 4 << 20, Hold: 12 << 20, SegmentBytes: 1 << 20}
	return o
}

// slack is how many records may stay though they were read: two are in a segment.
const slack = 3

// mebibytes appends records of almost a MiB.
func mebibytes(t *testing.T, c *kafka.Client, n int) {
	t.Helper()
	for range n {
		mustProduce(t, c, strings.Repeat("x", 1<<20-200))
	}
}

func holdFrom(t *testing.T, c *kafka.Client, offset int64) {
	t.Helper()
	if err := HoldFrom(t.Context(), c, offset); err != nil {
		t.Fatal(err)
	}
}

// retain runs retention, and returns where the log begins then.
func retain(t *testing.T, k *keeper, c *kafka.Client) int64 {
	t.Helper()
	if err := k.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, _ := bounds(t, c)
	return first
}

// size is Size, which must be what is on disk.
func size(t *testing.T, dir string, from int64) (all, unread int64) {
	t.Helper()
	all, unread, err := Size(dir, from)
	if err != nil {
		t.Fatal(err)
	}
	if disk, _ := logBytes(t, dir); all != disk {
		t.Fatalf("size is %d, on disk are %d", all, disk)
	}
	return all, unread
}

// What is still to be read does not expire by size, and expires once it was read.
func TestHeldUntilRead(t *testing.T) {
	o := holding(t)
	b := open(t, o)
	c := client(t, o.Socket)
	k := keeperOf(b, o)
	mebibytes(t, c, 10)
	if first := retain(t, k, c); first != 0 {
		t.Fatalf("log begins at %d, and nobody has read any of it", first)
	}
	for _, read := range []int64{1, 3, 6} {
		holdFrom(t, c, read)
		if first := retain(t, k, c); first > read || first < read-slack {
			t.Errorf("log begins at %d, read up to %d", first, read)
		}
	}
	holdFrom(t, c, 3) // the index begins again, with what is left
	mebibytes(t, c, 2)
	if first := retain(t, k, c); first > 6 {
		t.Errorf("log begins at %d, read up to 6 at most", first)
	}
	_, end := bounds(t, c)
	holdFrom(t, c, end)
	first := retain(t, k, c)
	all, unread := size(t, o.Dir, end)
	if all > o.Retention.Bytes+2<<20 || first < 8 || unread > 2<<20 {
		t.Errorf("log of %d bytes begins at %d, all of it was read", all, first)
	}
	mebibytes(t, c, 6)
	if again := retain(t, k, c); again > end {
		t.Errorf("log begins at %d, read up to %d", again, end)
	}
}

// The limit holds whatever is still to be read.
func TestHoldHasALimit(t *testing.T) {
	o := holding(t)
	log := &childtest.Recorder{}
	o.Log = log.Logger()
	b := open(t, o)
	c := client(t, o.Socket)
	k := keeperOf(b, o)
	mebibytes(t, c, 20)
	first := retain(t, k, c)
	if all, _ := size(t, o.Dir, 0); all > o.Retention.Hold+2<<20 || first < 7 || first > 10 {
		t.Errorf("log of %d bytes begins at %d", all, first)
	}
	if !strings.Contains(log.String(), "records expire before the index has read them") {
		t.Error("nobody was told")
	}
}

// Age is the deadline of erasure: nothing is held beyond it.
func TestHoldHasADeadline(t *testing.T) {
	o := holding(t)
	b := open(t, o)
	c := client(t, o.Socket)
	if _, err := produceAt(t.Context(), c, longAgo, "personal data"); err != nil {
		t.Fatal(err)
	}
	holdFrom(t, c, 0)
	if first := retain(t, keeperOf(b, o), c); first != 1 {
		t.Errorf("log begins at %d", first)
	}
}

// What was told outlives both processes, so that the first retention run of a start holds
// as the last one of the life before; and a start without Hold holds nothing.
func TestHoldAfterRestart(t *testing.T) {
	o := holding(t)
	b := open(t, o)
	c := client(t, o.Socket)
	mebibytes(t, c, 10)
	holdFrom(t, c, 3)
	image := crashImage(t, o)
	closeBroker(t, b)
	for name, o := range map[string]Options{"clean end": o, "SIGKILL": image} {
		t.Run(name, func(t *testing.T) {
			b := open(t, o)
			c := client(t, o.Socket)
			if first, _ := bounds(t, c); first > 3 || first == 0 {
				t.Errorf("log begins at %d, read up to 3", first)
			}
			closeBroker(t, b)
			o.Retention.Hold = 0
			open(t, o)
			c = client(t, o.Socket)
			if first, _ := bounds(t, c); first < 5 {
				t.Errorf("log begins at %d, and nothing is held", first)
			}
			if got := describe(t, c); !slices.Contains(got, "retention.bytes=4194304") {
				t.Errorf("configuration %q", got)
			}
		})
	}
}

// A broker that is killed while it holds goes on as it was.
func TestHoldOfAChild(t *testing.T) {
	o := holding(t)
	args := []string{"-bytes", "4194304", "-hold", "12582912", "-segment-bytes", "1048576"}
	p := supervise(t, o, args...)
	childtest.Ready(t, p)
	c := client(t, o.Socket)
	mebibytes(t, c, 8)
	holdFrom(t, c, 2)
	pid := p.Pid()
	childtest.Kill(t, pid)
	childtest.Await(t, "the next child", func() bool { return p.Pid() != pid && p.Pid() != 0 })
	childtest.Ready(t, p)
	if first, _ := bounds(t, client(t, o.Socket)); first == 0 || first > 2 {
		t.Errorf("log begins at %d, read up to 2", first)
	}
}
