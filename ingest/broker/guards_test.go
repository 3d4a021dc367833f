package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"tributary/ingest/child/childtest"
)

// Each test runs twice: with the guard, and without it to show that the fault is real.
// If the second half fails one day, kfake has mended the fault and the guard may go.
func withAndWithout(t *testing.T, test func(t *testing.T, guarded bool)) {
	t.Run("guarded", func(t *testing.T) { test(t, true) })
	t.Run("unguarded", func(t *testing.T) { test(t, false) })
}

var longAgo = time.Now().Add(-30 * 24 * time.Hour)

// Guard 1: an emptied partition must not begin again at offset 0.
func TestGuardEndOffset(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		o.off.heartbeat = !guarded
		b := open(t, o)
		c := client(t, o.Socket)
		if _, err := produceAt(t.Context(), c, longAgo, "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
		k := keeperOf(b, o)
		if err := k.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, end := bounds(t, c)
		if first != 3 {
			t.Fatalf("expired records are there: log starts at %d", first)
		}
		closeBroker(t, b)
		open(t, o)
		_, after := bounds(t, client(t, o.Socket))
		if guarded && after < end {
			t.Fatalf("end offset fell from %d to %d", end, after)
		}
		if !guarded && after != 0 {
			t.Fatalf("end offset is %d: kfake keeps it now", after)
		}
	})
}

// Guard 1, the price of it: no heartbeat while a young one is the newest record.
func TestHeartbeatsAreFew(t *testing.T) {
	o := options(t)
	b := open(t, o)
	c := client(t, o.Socket)
	k := keeperOf(b, o)
	run := func(want int64) {
		t.Helper()
		if err := k.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, end := bounds(t, c); end != want {
			t.Fatalf("log ends at %d, want %d", end, want)
		}
	}
	run(0) // an empty log stays empty: its first record has offset 0
	mustProduce(t, c, "a")
	run(2) // a, heartbeat
	run(2)
	mustProduce(t, c, "b")
	run(4)
	k.beatAt = k.beatAt.Add(-k.retention.Age / 2)
	run(5)
	k.beatAt = k.beatAt.Add(time.Hour) // the clock was set back
	run(6)
}

// Guard 2: kfake's timer is hourly and not armed after a restart.
func TestGuardTimer(t *testing.T) {
	watched, unwatched := options(t), options(t)
	unwatched.off.timer = true
	for _, o := range []*Options{&watched, &unwatched} {
		b := open(t, *o)
		mustProduce(t, client(t, o.Socket), "a")
		closeBroker(t, b)
		o.Retention.Every = time.Millisecond
		open(t, *o)
		if _, err := produceAt(t.Context(), client(t, o.Socket), longAgo, "expired"); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, watched.Socket)
	childtest.Await(t, "expiry", func() bool { first, _ := bounds(t, c); return first > 0 })
	if first, _ := bounds(t, client(t, unwatched.Socket)); first != 0 {
		t.Fatalf("log starts at %d: kfake's own timer runs", first)
	}
}

// Guard 3: after SIGKILL expired records are there again, until retention runs at start.
func TestGuardStartOffset(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		b := open(t, o)
		c := client(t, o.Socket)
		if _, err := produceAt(t.Context(), c, longAgo, "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
		mustProduce(t, c, "d")
		if err := keeperOf(b, o).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, end := bounds(t, c)
		if first != 3 || end != 5 {
			t.Fatalf("log is [%d, %d), want a, b, c expired and a heartbeat at the end", first, end)
		}
		after := crashImage(t, o)
		after.off.startRun = !guarded
		open(t, after)
		c = client(t, after.Socket)
		first, _ = bounds(t, c)
		if guarded && first != 3 {
			t.Fatalf("log starts at %d after a crash, want 3", first)
		}
		if !guarded && first != 0 {
			t.Fatalf("log starts at %d: kfake keeps it now", first)
		}
		if got := read(t, c, 3); got[3] != "d" || got[4] != "heartbeat" {
			t.Fatalf("what did not expire: %v", got)
		}
	})
}

// Guard 4: a topic seeded by option has no configuration, and any number of partitions.
func TestGuardTopic(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		o.off.topic = !guarded
		open(t, o)
		configs := describe(t, client(t, o.Socket))
		want := "cleanup.policy=delete max.message.bytes=1048588 retention.bytes=268435456 " +
			"retention.ms=604800000 segment.bytes=16777216 segment.ms=86400000"
		if got := strings.Join(configs, " "); (got == want) != guarded {
			t.Fatalf("configuration %q", got)
		}
	})
}

func TestGuardPartitions(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		o.off.topic = !guarded
		kfake.MustCluster(kfake.NumBrokers(1), kfake.DataDir(o.Dir), kfake.SeedTopics(4, Topic)).Close()
		b, err := Open(t.Context(), o)
		if guarded {
			if !errors.Is(err, ErrPartitions) {
				t.Fatalf("topic with 4 partitions: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		res, err := client(t, o.Socket).Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{Topic}})
		if err != nil || len(res.Topics[0].Partitions) != 4 {
			t.Fatalf("%+v, %v: kfake changes the number of partitions now", res, err)
		}
	})
}

// Changed settings hold for an existing topic.
func TestRetentionIsAltered(t *testing.T) {
	o := options(t)
	b := open(t, o)
	closeBroker(t, b)
	o.Retention = Retention{Age: time.Hour, Bytes: 8 << 20, Roll: time.Minute}
	open(t, o)
	got := strings.Join(describe(t, client(t, o.Socket)), " ")
	want := "cleanup.policy=delete max.message.bytes=1048588 retention.bytes=8388608 retention.ms=3600000 segment.bytes=1048576 segment.ms=60000"
	if got != want {
		t.Fatalf("configuration %q", got)
	}
}

// Guard 5: one broker per directory.
func TestGuardLock(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		open(t, o)
		second := o
		second.Socket += "2"
		second.off.lock = !guarded
		b, err := Open(t.Context(), second)
		if !guarded {
			if err != nil {
				t.Fatalf("%v: kfake locks its directory now", err)
			}
			closeBroker(t, b)
			return
		}
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), o.Dir) ||
			!strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
			t.Fatalf("second broker: %v", err)
		}
		mustProduce(t, client(t, o.Socket), "a") // the first is not disturbed
	})
}

// Guard 6, on disk: the log stays small.
func TestGuardBounds(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		o.Retention.Bytes = 4 << 20
		o.off.bounds = !guarded
		b := open(t, o)
		c := client(t, o.Socket)
		for range 12 {
			mustProduce(t, c, strings.Repeat("x", 1<<20-200))
		}
		if err := keeperOf(b, o).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		bytes, _ := logBytes(t, o.Dir)
		if limit := o.Retention.Bytes + 2<<20; guarded != (bytes <= limit) {
			t.Fatalf("log of %d bytes on disk, limit %d", bytes, limit)
		}
	})
}

// Guard 6, in memory: what the start read is given back, and after SIGKILL not all of
// it is in memory at once.
func TestGuardMemory(t *testing.T) {
	o := options(t)
	open(t, o)
	c := client(t, o.Socket)
	for range 64 {
		mustProduce(t, c, strings.Repeat("x", 1<<20-200))
	}
	start := func(args ...string) (rss, peak int64) {
		image := crashImage(t, o)
		p := supervise(t, image, args...)
		childtest.Ready(t, p)
		rss, peak = memory(t, p.Pid(), "VmRSS"), memory(t, p.Pid(), "VmHWM")
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		return rss, peak
	}
	rss, peak := start()
	kept, _ := start("-off-memory")
	_, replay := start("-off-replay")
	t.Logf("log of 64 MiB: RSS %d KiB, unguarded %d KiB; peak %d KiB, unguarded %d KiB", rss, kept, peak, replay)
	if rss >= kept {
		t.Error("nothing was given back")
	}
	if peak >= replay {
		t.Error("all segments were in memory at once")
	}
}

// Guard 6: kfake finds in our snapshot what it would have found without it.
func TestSnapshotAfterCrash(t *testing.T) {
	o := options(t)
	o.Retention.Bytes, o.Retention.SegmentBytes = 4<<20, 1000
	open(t, o)
	c := client(t, o.Socket)
	for i := range 100 {
		mustProduce(t, c, fmt.Sprint(i), strings.Repeat("x", i*5))
	}
	var found [2]string
	for i := range found {
		image := crashImage(t, o)
		image.off.replay, image.off.startRun = i == 1, true
		b := open(t, image)
		c := client(t, image.Socket)
		first, end := bounds(t, c)
		at := mustProduce(t, c, "next")
		found[i] = fmt.Sprint(first, end, at, read(t, c, 0))
		closeBroker(t, b)
		open(t, image)
		if got := fmt.Sprint(first, end, at, read(t, client(t, image.Socket), 0)); got != found[i] {
			t.Errorf("after a clean end: %s, before %s", got, found[i])
		}
	}
	if found[0] != found[1] {
		t.Errorf("with our snapshot: %s, without: %s", found[0], found[1])
	}
}

// Guard 6: a full disk, on which the snapshot cannot be written, must not keep the
// broker from starting.
func TestSnapshotCannotBeWritten(t *testing.T) {
	o := options(t)
	open(t, o)
	mustProduce(t, client(t, o.Socket), "a")
	image := crashImage(t, o)
	if err := os.Mkdir(filepath.Join(image.Dir, partitionDir, snapshotName+".tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	log := &childtest.Recorder{}
	image.Log = log.Logger()
	open(t, image)
	if got := read(t, client(t, image.Socket), 0); got[0] != "a" || !strings.Contains(log.String(), "snapshot not written") {
		t.Fatal(got, log)
	}
}

// Guard 7: bytes leave the disk when they expire, though few records come.
func TestGuardRoll(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		o.off.roll = !guarded
		b := open(t, o)
		c := client(t, o.Socket)
		if _, err := produceAt(t.Context(), c, longAgo, "personal data"); err != nil {
			t.Fatal(err)
		}
		k := keeperOf(b, o)
		if err := k.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustProduce(t, c, "a")
		raw, err := os.ReadFile(lastSegment(t, o.Dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, files := logBytes(t, o.Dir); files != 1 {
			t.Fatalf("%d segments, want one", files)
		}
		if first, _ := bounds(t, c); first != 1 {
			t.Fatalf("log starts at %d", first)
		}
		if there := strings.Contains(string(raw), "personal data"); there == guarded {
			t.Fatalf("expired bytes on disk: %v", there)
		}
		if got := describe(t, c); !slices.Contains(got, "segment.bytes=16777216") {
			t.Fatalf("size of segments was not restored: %v", got)
		}
	})
}

// Guard 7: only an old segment is closed.
func TestYoungSegmentIsNotRolled(t *testing.T) {
	o := options(t)
	b := open(t, o)
	mustProduce(t, client(t, o.Socket), "a")
	k := keeperOf(b, o)
	for range 3 {
		k.beatAt = time.Time{}
		if err := k.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, files := logBytes(t, o.Dir); files != 1 {
		t.Fatalf("%d segments, want one", files)
	}
}

// Guard 8: after a clean end kfake believes its snapshot, also about a damaged segment.
func TestGuardSnapshot(t *testing.T) {
	withAndWithout(t, func(t *testing.T, guarded bool) {
		o := options(t)
		b := open(t, o)
		c := client(t, o.Socket)
		for _, v := range []string{"a", "b", "c"} {
			mustProduce(t, c, v)
		}
		closeBroker(t, b)
		flip(t, lastSegment(t, o.Dir), -1)
		o.off.snapshot, o.off.startRun = !guarded, true
		open(t, o)
		c = client(t, o.Socket)
		if at := mustProduce(t, c, "new"); at != 2 {
			t.Fatalf("first record after the loss at %d, want 2", at)
		}
		res, err := c.Fetch(t.Context(), &kafka.FetchRequest{Topic: Topic, Offset: 2, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Records.ReadRecord(); guarded != (res.Error == nil && err == nil) {
			t.Fatalf("reading what was written after the loss: %v, %v", res.Error, err)
		}
	})
}

// Guard 9: without its own files kfake appends offset 0 to old segments.
func TestGuardIdentity(t *testing.T) {
	for _, name := range identityOf {
		t.Run(name, func(t *testing.T) {
			withAndWithout(t, func(t *testing.T, guarded bool) {
				o := options(t)
				b := open(t, o)
				mustProduce(t, client(t, o.Socket), "a", "b")
				closeBroker(t, b)
				remove(t, o.Dir, name)
				o.off.identity = !guarded
				b, err := Open(t.Context(), o)
				if guarded {
					if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name)) {
						t.Fatalf("open: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				if _, end := bounds(t, client(t, o.Socket)); end != 0 {
					t.Fatalf("log ends at %d: kfake finds its segments now", end)
				}
			})
		})
	}
}

// describe lists the topic's own settings, sorted.
func describe(t *testing.T, c *kafka.Client) []string {
	t.Helper()
	res, err := c.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: Topic}},
	})
	if err != nil || len(res.Resources) != 1 || res.Resources[0].Error != nil {
		t.Fatal(res, err)
	}
	const dynamicTopic = 1 // Kafka protocol, DescribeConfigs: ConfigSource
	var own []string
	for _, e := range res.Resources[0].ConfigEntries {
		if e.ConfigSource == dynamicTopic {
			own = append(own, e.ConfigName+"="+e.ConfigValue)
		}
	}
	slices.Sort(own)
	return own
}
