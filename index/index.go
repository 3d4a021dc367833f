package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"tributary/index/fresh"
	"tributary/ingest"
	"tributary/ingest/lease"
	"tributary/ingest/state"
)

// Config of the index.
type Config struct {
	Options    *clickhouse.Options // how the server is reached; Auth.Database "" is "tributary", and is created
	DB         *state.DB           // holds the cursor
	Tail       *ingest.Tail        // what is read; nil: queries only
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Leases     *lease.Keeper         // decide which node writes; nil: this one is alone
	Records    int                   // bytes of records that are kept compressed; 0: 32 MiB
	Newest     int                   // bytes of what is asked about the newest posts; 0: 80 MiB, less: none
	HoldMerges bool                  // while the index catches up; only for a server that is its own
}

// Index stores what the log says in ClickHouse and answers questions about it.
type Index struct {
	conn        driver.Conn
	options     *clickhouse.Options
	db          *state.DB
	tail        *ingest.Tail
	leases      *lease.Keeper
	log         *slog.Logger
	metrics     *metrics
	now         func() time.Time
	tune        tuning
	position    atomic.Uint64
	rollups     rollups
	trends      kept[[]TagTrend]
	overview    kept[Overview]
	recent      *recent
	packed      *packed
	merges      merges
	holdsMerges bool
	latest      *latest
	fresh       *fresh.Set
	turns       semaphore // of statements that ask
}

// tuning of the writer; only tests change it.
type tuning struct {
	rows        int           // in a batch at most
	linger      time.Duration // how long a batch that is not full waits for more
	idle        time.Duration // how long the position may stay behind records that are not stored
	rollupPause time.Duration // between two passes over the touched hours
	trendsKept  time.Duration // how long an answer about trends stays as it is

	holdBehind uint64 // records behind the log from which on merges are held

	freshAtOnce int           // posts that one statement loads into fresh
	loadPause   time.Duration // between two tries to load what questions need in memory

	overviewKept time.Duration // the same of what is held
}

var defaultTuning = tuning{
	rows: 2 * insertAtOnce, linger: 120 * time.Millisecond, idle: time.Second, rollupPause: 30 * time.Second,
	trendsKept: 30 * time.Second, freshAtOnce: fresh.LoadMost, overviewKept: 10 * time.Minute,
	holdBehind: 2 * insertAtOnce, loadPause: 10 * time.Second,
}

const defaultDatabase = "tributary"

// Open connects, creates what is missing and finds out where the writer stopped.
// The server has to be there: whoever starts it waits for it.
func Open(ctx context.Context, cfg Config) (*Index, error) {
	options, err := createDatabase(ctx, cfg.Options)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("index: open: %w", err)
	}
	newest := fresh.New(cmp.Or(cfg.Newest, freshBytes))
	x := &Index{
		conn: conn, options: options, db: cfg.DB, tail: cfg.Tail, leases: cfg.Leases, log: cfg.Logger.With("component", "index"),
		metrics: newMetrics(cfg.Registerer, newest), now: time.Now, tune: defaultTuning, holdsMerges: cfg.HoldMerges,
		trends: newKept[[]TagTrend](), overview: newKept[Overview](), turns: make(semaphore, queryTurns),
		recent: newRecent(recentBytes), packed: newPacked(cmp.Or(cfg.Records, packedBytes)), latest: newLatest(), fresh: newest,
	}
	if err := x.open(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return x, nil
}

func (x *Index) open(ctx context.Context) error {
	empty, err := migrate(ctx, x.conn)
	if err != nil {
		return err
	}
	position, err := loadCursor(ctx, x.db)
	if err != nil {
		return err
	}
	if empty && position > 0 {
		x.log.Warn("the index is empty, reading the log from its start", "position", position)
		position = 0
	}
	x.position.Store(position)
	return x.rollups.load(ctx, x.conn)
}

// Close lets go of the connections. Run has to have ended.
func (x *Index) Close() error {
	if err := x.conn.Close(); err != nil {
		return fmt.Errorf("index: close: %w", err)
	}
	return nil
}

// Position is the seq of the newest record that is stored, or that had nothing
// to store: everything up to it is found by queries.
func (x *Index) Position() uint64 { return x.position.Load() }
