package index

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tributary/ingest"
	"tributary/ingest/lease"
)

// readAtOnce is how many records one call of the reader brings at most.
const readAtOnce = 1024

// insertAtOnce is how many posts one statement stores at most.
const insertAtOnce = 8192

// gatherPause is how long a batch that has waited long enough offers itself before it looks for more records.
const gatherPause = 5 * time.Millisecond

// Run reads the log and stores it until ctx ends; then it returns nil. While the
// server or the state database is away it keeps its batch and tries again: the
// log is the queue, nothing else grows.
//
// One goroutine reads and composes, another one stores, with one batch between
// them. Write order: rows, hours to compute again, withdrawals, gaps, cursor.
//
// A crash anywhere before the cursor is saved leaves some of the batch stored.
// The same records come again, perhaps in other batches, and make the same rows:
// id and seq say which version of what a row is, sets of ids count each once, and
// a withdrawal that was applied finds nothing left to hide.
//
// Of several nodes one stores at a time (the lease "index"). One that lost the lease and
// does not know yet stores what the next one stores too, as after a crash; the cursor it
// cannot write.
func (x *Index) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	x.leases.Serve(ctx, cursorName, 1, func(ctx context.Context, term lease.Term) {
		if failed = x.serve(ctx, term); failed != nil {
			cancel()
		}
	})
	return failed
}

// serve stores while this node has the lease.
func (x *Index) serve(ctx context.Context, term lease.Term) error {
	if x.leases.Shared() && !x.takeOver(ctx) {
		return nil
	}
	if !x.leases.Shared() {
		x.loadLatest(ctx)
		x.loadFresh(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan *batch)
	var composing sync.WaitGroup
	if !x.leases.Shared() {
		composing.Go(func() { x.loadRest(ctx) })
	}
	var failed error
	composing.Go(func() {
		defer close(batches)
		failed = x.compose(ctx, batches)
	})
	x.store(ctx, term, batches)
	cancel()
	composing.Wait()
	return failed
}

// loadRest loads, while batches are stored, what questions need in memory and was not loaded before.
func (x *Index) loadRest(ctx context.Context) {
	for !x.latest.loaded() && ctx.Err() == nil {
		sleep(ctx, x.tune.loadPause)
		x.loadLatest(ctx)
	}
	x.loadPacked(ctx)
	x.fillFresh(ctx)
}

// takeOver finds out where the last node stopped; false when ctx ended first.
func (x *Index) takeOver(ctx context.Context) bool {
	for pause := 50 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
		position, err := loadCursor(ctx, x.db)
		if err == nil {
			err = x.rollups.load(ctx, x.conn)
		}
		if err == nil {
			x.position.Store(position)
			return true
		}
		x.log.Warn("the index cannot be taken over, trying again", "err", err)
		sleep(ctx, pause)
	}
	return false
}

// compose fills batches: full ones at once, others after a short wait.
func (x *Index) compose(ctx context.Context, out chan<- *batch) error {
	cursor := x.position.Load()
	if cursor > 0 {
		cursor++
	}
	reader := x.tail.Reader(ingest.ViewIndex, cursor)
	c := newComposer(x.tail.Left)
	for {
		if err := x.gather(ctx, reader, c, out); err != nil {
			if ctx.Err() != nil || errors.Is(err, ingest.ErrClosed) {
				return nil
			}
			return err
		}
	}
}

// gather waits for the first record, and then for more until the batch is full
// or has waited long enough and is asked for: the more there is to store, the larger are the parts
// that it makes. When the log brings only what the index does not
// store, the batch holds no more than the new position.
func (x *Index) gather(ctx context.Context, reader *ingest.Reader, c *composer, out chan<- *batch) error {
	b, begin := &batch{}, reader.Position()
	wait, stop := context.WithTimeout(ctx, x.tune.idle)
	defer func() { stop() }()
	for b.records < x.tune.rows {
		news, err := reader.Next(wait, min(readAtOnce, x.tune.rows-b.records))
		switch {
		case err == nil:
		case ctx.Err() != nil || wait.Err() == nil:
			return err
		case b.empty() && reader.Position() == begin:
			wait, stop = renew(ctx, stop, x.tune.idle)
			continue
		default:
			b.position = reader.Position()
			select {
			case out <- b:
				return nil
			case <-time.After(gatherPause): // the batch before it is still being stored
			case <-ctx.Done():
				return ctx.Err()
			}
			wait, stop = renew(ctx, stop, time.Millisecond)
			continue
		}
		if b.empty() {
			wait, stop = renew(ctx, stop, x.tune.linger)
			if x.behind() >= uint64(x.tune.rows) {
				b.posts.grow(x.tune.rows) // there will be more
			}
		}
		b.gaps = append(b.gaps, news.Events...)
		x.take(b, c, news.Entries)
		reader.Release()
	}
	b.position = reader.Position()
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func renew(ctx context.Context, stop context.CancelFunc, d time.Duration) (context.Context, context.CancelFunc) {
	stop()
	return context.WithTimeout(ctx, d)
}

func (x *Index) take(b *batch, c *composer, entries []*ingest.Entry) {
	for _, e := range entries {
		if err := c.add(b, e.Record); err != nil {
			x.log.Error("record cannot be stored, skipping it", "seq", e.Record.Seq, "err", err)
			x.metrics.skip()
		}
	}
}

// store stores batches in order, and computes touched hours again in between.
func (x *Index) store(ctx context.Context, term lease.Term, in <-chan *batch) {
	pass := time.NewTicker(x.tune.rollupPause)
	defer pass.Stop()
	defer x.letGo(ctx)
	due := false
	for {
		select {
		case b, ok := <-in:
			if !ok || !x.storeUntilDone(ctx, term, b) {
				return
			}
		case <-pass.C:
			due = true
			x.idleMerges(ctx)
		}
		if due || x.tune.rollupPause <= time.Millisecond {
			due = x.recomputeSome(ctx)
		}
	}
}

// storeUntilDone tries until the batch is stored; false when ctx ended first, or
// another node stores.
func (x *Index) storeUntilDone(ctx context.Context, term lease.Term, b *batch) bool {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		begun := time.Now()
		err := x.storeBatch(ctx, term, b)
		if err == nil {
			x.metrics.stored(b, time.Since(begun), x.now(), x.behind())
			x.paceMerges(ctx)
			return true
		}
		if ctx.Err() != nil || errors.Is(err, lease.ErrLost) {
			return false
		}
		x.metrics.failure()
		x.log.Warn("batch cannot be stored, trying again", "err", err, "records", b.records, "position", b.position)
		sleep(ctx, pause)
	}
}

// behind is how many seqs the writer is behind what was read from the log.
func (x *Index) behind() uint64 {
	tip, at := x.tail.Tip(), x.position.Load()
	return tip - min(tip, at)
}

func (x *Index) storeBatch(ctx context.Context, term lease.Term, b *batch) error {
	x.latest.add(b.later...)
	if err := x.insertRows(ctx, b); err != nil {
		return err
	}
	x.freshen(&b.posts)
	if err := x.touchHours(ctx, keys(b.hours)); err != nil {
		return err
	}
	if err := x.withdraw(ctx, b.withdrawn); err != nil {
		return err
	}
	if err := x.recordGaps(ctx, b.gaps); err != nil {
		return err
	}
	if err := saveCursor(ctx, x.db, term, b.position); err != nil {
		return err
	}
	x.keep(b)
	x.position.Store(b.position)
	return nil
}

// insertRows stores posts and authors, a large batch by several statements at
// once: the server uses one core for each. What is shown of posts comes first, so
// that a question that finds a post finds its record.
func (x *Index) insertRows(ctx context.Context, b *batch) error {
	records, recordsCtx := errgroup.WithContext(ctx)
	for p := range b.posts.pieces(insertAtOnce) {
		records.Go(func() error { return x.insert(recordsCtx, "records", recordColumns, p.records(), len(p.id)) })
	}
	records.Go(func() error {
		return x.insert(recordsCtx, "authors", authorColumns, b.authors.columns(), len(b.authors.id))
	})
	if err := records.Wait(); err != nil {
		return err
	}
	posts, postsCtx := errgroup.WithContext(ctx)
	for p := range b.posts.pieces(insertAtOnce) {
		posts.Go(func() error { return x.insert(postsCtx, "posts", postColumns, p.columns(), len(p.id)) })
	}
	return posts.Wait()
}

func keys(hours map[time.Time]struct{}) []time.Time {
	all := make([]time.Time, 0, len(hours))
	for h := range hours {
		all = append(all, h)
	}
	return all
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
