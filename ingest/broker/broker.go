package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"tributary/ingest/folder"
)

// Broker is a running broker.
type Broker struct {
	socket  string
	log     *slog.Logger
	lock    *os.File
	cluster *kfake.Cluster
	stop    context.CancelFunc // ends the keeper
	stopped chan struct{}      // closed when the keeper has ended
	close   func() error       // once
}

// Open starts a broker in this process and returns when the topic is there and
// retention was applied once. Tests use it; the product runs it as a child, by Run.
func Open(ctx context.Context, o Options) (*Broker, error) {
	o.applyDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("broker: making the data directory: %w", err)
	}
	b := &Broker{socket: o.Socket, log: o.Log.With("component", "broker")}
	b.close = sync.OnceValue(b.closeOnce)
	if err := b.open(ctx, o); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.log.Info("broker serves", "dir", o.Dir, "socket", o.Socket, "took", time.Since(begun).Round(time.Millisecond).String())
	return b, nil
}

func (b *Broker) open(ctx context.Context, o Options) (err error) {
	if !o.off.lock {
		if b.lock, err = folder.Lock(ctx, o.Dir, o.LockWait, ErrLocked); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
	}
	if err := inspect(o.Dir, o.off, b.log); err != nil {
		return err
	}
	if b.cluster, err = kfake.NewCluster(b.kfakeOptions(o)...); err != nil {
		return fmt.Errorf("broker: opening %s: %w", o.Dir, err)
	}
	k := b.keeper(o)
	defer k.transport.CloseIdleConnections()
	if !o.off.topic {
		retention := o.Retention
		if o.off.bounds {
			retention.Bytes, retention.Age = -1, -1
		}
		ctx, cancel := context.WithTimeout(ctx, runMax)
		defer cancel()
		if err := EnsureTopic(ctx, k.client, retention); err != nil {
			return err
		}
	}
	if !o.off.startRun {
		if err := k.run(ctx); err != nil {
			b.log.Error("retention was not applied at start", "err", err)
		}
	}
	b.keep(k)
	return nil
}

func (b *Broker) kfakeOptions(o Options) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(0), // not used: see ListenFn
		kfake.ClusterID("tributary"),
		kfake.DataDir(o.Dir),
		kfake.SyncWrites(),
		kfake.DefaultNumPartitions(1),
		kfake.WithLogger(newLogger(b.log)),
		kfake.BrokerConfigs(map[string]string{
			// In ms, ten years: only the keeper removes records, after its heartbeat.
			"log.cleaner.backoff.ms": "315360000000",
		}),
		kfake.ListenFn(func(string, string) (net.Listener, error) {
			ln, err := folder.Listen(o.Socket)
			return listener{ln}, err
		}),
	}
	if o.off.topic {
		opts = append(opts, kfake.SeedTopics(1, Topic))
	}
	return opts
}

func (b *Broker) keeper(o Options) *keeper {
	transport := Transport(o.Socket)
	return &keeper{
		dir:        o.Dir,
		cluster:    b.cluster,
		retention:  o.Retention,
		heartbeat:  o.Heartbeat,
		off:        o.off,
		log:        b.log,
		client:     &kafka.Client{Addr: Addr, Transport: transport},
		transport:  transport,
		beatOffset: -1,
		bytes:      o.Retention.Bytes, // EnsureTopic sets it
	}
}

// keep starts the keeper, which Close waits for.
func (b *Broker) keep(k *keeper) {
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.stopped = stop, make(chan struct{})
	go func() {
		defer close(b.stopped)
		if !k.off.timer {
			k.loop(ctx)
		}
	}()
}

// Close ends the broker: first the keeper, then kfake, which writes its snapshot, and
// last the lock. Clients' connections are cut. It may be called twice.
func (b *Broker) Close() error { return b.close() }

func (b *Broker) closeOnce() error {
	if b.stop != nil {
		b.stop()
		<-b.stopped
	}
	if b.cluster != nil {
		b.cluster.Close()
		_ = os.Remove(b.socket) // while we hold the lock: it is ours
	}
	if b.lock != nil {
		return b.lock.Close()
	}
	return nil
}
