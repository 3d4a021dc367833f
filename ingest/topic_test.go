package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
)

// openOn opens a log over a broker and says how that went.
func openOn(t *testing.T, b *ingesttest.Broker) error {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, "sqlite:"+t.TempDir()+"/state.db", ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	_, err = ingest.Open(ctx, ingest.Config{Kafka: b.Kafka(), DB: db, Logger: ingesttest.Logger(t)})
	return err
}

// A topic that somebody made otherwise than the log needs it is told.
func TestTopicOfAnother(t *testing.T) {
	for _, c := range []struct {
		name       string
		partitions int
		config     []kafka.ConfigEntry
		want       error
	}{
		{"two partitions", 2, nil, ingest.ErrPartitions},
		{"compacted", 1, []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}}, ingest.ErrCompacted},
		{"small batches", 1, []kafka.ConfigEntry{{ConfigName: "max.message.bytes", ConfigValue: "100000"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := ingesttest.NewBroker(t, "")
			b.MakeTopic(c.partitions, c.config...)
			if err := openOn(t, b); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Program and server may be started at the same time.
func TestOpenWaitsForTheServer(t *testing.T) {
	b := ingesttest.NewBroker(t, t.TempDir())
	b.Stop()
	time.AfterFunc(300*time.Millisecond, b.Start)
	if err := openOn(t, b); err != nil {
		t.Error(err)
	}
}

// The topic has one partition even where the server makes three by itself.
func TestTopicHasOnePartition(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	if err := openOn(t, b); err != nil {
		t.Fatal(err)
	}
	if err := openOn(t, b); err != nil {
		t.Error(err)
	}
}
