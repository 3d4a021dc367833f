package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tributary/ingest/state"
)

// The bounds of the replay memory.
const (
	replayMemory  = 32 << 10         // newest signatures kept in memory; about 5 MB
	replayQueue   = 8 << 10          // signatures waiting to be written
	replayFlush   = time.Second      // the longest that one waits
	replayPurge   = 10 * time.Minute // how often expired rows are deleted
	replayPerPass = 5_000            // rows deleted in one transaction, so that others get their turn
)

// seenSignature is what is remembered of an accepted request.
type seenSignature struct {
	hash    [16]byte
	expires time.Time // until then the signature could pass again
}

// replays remembers the signatures of accepted requests for as long as they
// could pass again. It is asked before a request has any effect, and told only
// after the effect is durable: a retry after 503 must not be taken for a repeat.
//
// Those of settled requests (Follow, Undo, Block) are written in the transaction
// of their effect, as doing one of these twice could undo something. The others
// are written within a second by Run; what a crash loses in between is dropped
// by the log's repeat window, as it would be without this memory.
type replays struct {
	db     *state.DB
	log    *slog.Logger
	memory *lru.Cache[[16]byte, time.Time]
	queue  chan seenSignature
	now    func() time.Time
}

func newReplays(db *state.DB, log *slog.Logger) *replays {
	memory, err := lru.New[[16]byte, time.Time](replayMemory)
	if err != nil {
		panic("relay: BUG: " + err.Error()) // only for a size that is not positive
	}
	return &replays{db: db, log: log, memory: memory, queue: make(chan seenSignature, replayQueue), now: time.Now}
}

// seen reports whether a request with this signature was accepted before.
func (r *replays) seen(ctx context.Context, hash [16]byte) (bool, error) {
	if _, ok := r.memory.Get(hash); ok {
		return true, nil
	}
	var one int
	err := r.db.Row(ctx, `SELECT 1 FROM signatures WHERE hash = $1`, hash[:]).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("relay: looking up a signature: %w", err)
	}
	return true, nil
}

// remember keeps the signature of a request whose effect is durable. When the
// queue is full it writes at once, so that the sender waits and not the memory grows.
func (r *replays) remember(ctx context.Context, s seenSignature) error {
	r.memory.Add(s.hash, s.expires)
	select {
	case r.queue <- s:
		return nil
	default:
		return r.write(ctx, []seenSignature{s})
	}
}

// errRepeat: the request was accepted while this copy of it was under way.
var errRepeat = errors.New("relay: request accepted before")

// rememberIn does it in the transaction of the effect itself, and fails with
// errRepeat, and so undoes the effect, when another copy was first. The caller
// adds it to the memory by recall after the commit.
func (r *replays) rememberIn(ctx context.Context, tx *sql.Tx, s seenSignature) error {
	res, err := insertSignature(ctx, tx, s)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errRepeat)
	}
	return nil
}

func insertSignature(ctx context.Context, tx *sql.Tx, s seenSignature) (sql.Result, error) {
	return tx.ExecContext(ctx, `INSERT INTO signatures (hash, expires_at) VALUES ($1, $2)
		ON CONFLICT (hash) DO NOTHING`, s.hash[:], s.expires.UnixMilli())
}

func (r *replays) recall(s seenSignature) { r.memory.Add(s.hash, s.expires) }

func (r *replays) write(ctx context.Context, batch []seenSignature) error {
	return r.db.Write(ctx, func(tx *sql.Tx) error {
		for _, s := range batch {
			if _, err := insertSignature(ctx, tx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// run writes the queue out until ctx ends, then what is left of it.
func (r *replays) run(ctx context.Context) {
	flush := time.NewTicker(replayFlush)
	defer flush.Stop()
	purge := time.NewTicker(replayPurge)
	defer purge.Stop()
	for {
		select {
		case <-flush.C:
			r.drain(ctx)
		case <-purge.C:
			r.purge(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			r.drain(last)
			return
		}
	}
}

func (r *replays) drain(ctx context.Context) {
	batch := make([]seenSignature, 0, len(r.queue))
	for len(batch) < cap(batch) {
		batch = append(batch, <-r.queue) // len counted above and nobody else takes
	}
	if len(batch) == 0 {
		return
	}
	if err := r.write(ctx, batch); err != nil {
		r.log.WarnContext(ctx, "signatures not remembered: the repeat window of the log must catch their replays",
			"signatures", len(batch), "err", err)
	}
}

func (r *replays) purge(ctx context.Context) {
	now := r.now().UnixMilli()
	for {
		var n int64
		err := r.db.Write(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `DELETE FROM signatures WHERE hash IN
				(SELECT hash FROM signatures WHERE expires_at < $1 LIMIT $2)`, now, replayPerPass)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			r.log.WarnContext(ctx, "expired signatures not deleted", "err", err)
			return
		}
		if n < replayPerPass {
			return
		}
	}
}
