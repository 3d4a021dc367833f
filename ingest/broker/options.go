package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Topic is the one topic, Partition its one partition.
const (
	Topic     = "posts"
	Partition = 0
)

// MaxBatchBytes is the largest record batch, as it is on the wire, that the topic
// takes: 1 MiB and Kafka's overhead, the default of a real Kafka. A larger one gets
// MessageSizeTooLarge. It holds for the whole batch, not for one record.
const MaxBatchBytes = 1<<20 + 12

// Options say where the broker lives and what it keeps.
type Options struct {
	// Dir holds the log; made with mode 0700 if it is not there. Required.
	Dir string
	// Socket is the path of the unix socket, of any length, mode 0600. Required.
	Socket string
	// Retention says how far back the log reaches.
	Retention Retention
	// Heartbeat makes the value of a record that says nothing. It must be one that the
	// log's readers skip. Required.
	Heartbeat func() []byte
	// LockWait is how long to wait for a broker that still uses Dir. Default 10 s.
	LockWait time.Duration
	// Log is required.
	Log *slog.Logger
	// Still leaves the log as it is: no heartbeat, no retention. For a copy, not for service.
	Still bool
	// Ready is called once by Run, when clients are served.
	Ready func()

	off guards
}

// Retention says how far back the log reaches, whichever bound is met first. Changed
// values hold from the next start.
type Retention struct {
	// Age is the bound in time. Default 7 days; negative: none.
	Age time.Duration
	// Bytes is the bound on disk; one segment more may be there. All of it is read at a
	// start, and as much memory is needed where guard 6 cannot help (a full disk).
	// Default 256 MiB; at least 4 MiB.
	Bytes int64
	// Hold is the bound on disk as long as more than Bytes are still to be read: see
	// HoldFrom. Age holds for them as for all. Up to Bytes, 0 too: nothing is held.
	Hold int64
	// SegmentBytes is the size of a segment file. Default Bytes/16, between 1 and 64 MiB.
	SegmentBytes int64
	// Roll is the age at which a segment is closed though it is not full, so that it
	// can expire as a whole. Default Age/7, at most a day.
	Roll time.Duration
	// Every is the pause between two runs. Default 1 minute.
	Every time.Duration
}

// guards switches guards off, to let a test show the fault that each is there for.
type guards struct {
	heartbeat, timer, startRun, topic, lock, bounds, memory, replay, roll, snapshot, identity bool
}

func (o *Options) applyDefaults() {
	if o.LockWait == 0 {
		o.LockWait = 10 * time.Second
	}
	o.Retention.applyDefaults()
	if o.Still {
		o.off.startRun, o.off.timer = true, true
	}
}

func (r *Retention) applyDefaults() {
	if r.Age == 0 {
		r.Age = 7 * 24 * time.Hour
	}
	if r.Bytes == 0 {
		r.Bytes = 256 << 20
	}
	if r.SegmentBytes == 0 {
		r.SegmentBytes = min(max(r.Bytes/16, 1<<20), 64<<20)
	}
	if r.Roll == 0 {
		r.Roll = 24 * time.Hour
		if r.Age > 0 {
			r.Roll = min(r.Roll, r.Age/7)
		}
	}
	if r.Every == 0 {
		r.Every = time.Minute
	}
}

func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("broker: no data directory given")
	case o.Socket == "":
		return errors.New("broker: no socket given")
	case o.Heartbeat == nil:
		return errors.New("broker: no heartbeat given")
	case o.Log == nil:
		return errors.New("broker: no logger given")
	}
	return o.Retention.validate()
}

// validate keeps the newest records safe from the bound on bytes: it is several of the
// largest batches.
func (r *Retention) validate() error {
	switch {
	case r.Bytes < 4<<20:
		return fmt.Errorf("broker: retention of %d bytes is below 4 MiB", r.Bytes)
	case r.SegmentBytes < 0 || r.SegmentBytes > r.Bytes:
		return fmt.Errorf("broker: segments of %d bytes do not fit a retention of %d", r.SegmentBytes, r.Bytes)
	case r.Hold < 0:
		return fmt.Errorf("broker: the log cannot be held up to %d bytes", r.Hold)
	case r.Every < 0 || r.Roll < 0:
		return errors.New("broker: negative interval of retention")
	}
	return nil
}
