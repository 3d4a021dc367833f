package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"tributary/ingest/ap"
	"tributary/ingest/lease"
	"tributary/ingest/remote"
	"tributary/ingest/state"
)

// Bounds of the fetch queue.
const (
	fetchesPerHost   = 5_000 // rows that may wait for one host; beyond it the giver is told 503
	fetchParallel    = 32    // hosts worked on at once
	fetchAttempts    = 8
	fetchTimeout     = 30 * time.Second
	fetchPoll        = time.Second // how soon a row that became due is noticed
	fetchFirstDelay  = 5 * time.Second
	fetchLongestWait = 6 * time.Hour
	fetchShards      = 16 // parts that the hosts are dealt in among the nodes
)

// fetchLease is the kind of these parts.
const fetchLease = "fetches"

// Origin fetches from the servers where things live.
type Origin interface {
	Object(ctx context.Context, uri string) ([]byte, error)
	Actor(ctx context.Context, uri string) (*ap.Actor, error)
}

// FetchQueue holds what must be fetched before it can be admitted, as rows in
// the state database, and works them off, one at a time a host.
//
// Crash after a row is committed: it is worked off after the restart. Crash
// after the append, before the row is removed: it is fetched again, and
// admission finds the object known. A Delete that overtakes a fetch removes the
// row, and its tombstone stops the fetch that is already on its way.
//
// The hosts are dealt among the nodes, by lease. A node that has lost one and does not
// know yet may fetch what the next one fetches too: as after a crash, admission finds
// it known.
type FetchQueue struct {
	db        *state.DB
	origin    Origin
	blocked   func(uri string) bool
	admission *Admission // set by NewAdmission
	leases    *lease.Keeper
	logger    *slog.Logger
	metrics   *metrics
	wake      chan struct{} // capacity 1

	mu     sync.Mutex
	busy   map[string]bool     // hosts being worked on; guarded by mu
	shares map[int]*fetchShare // parts of the hosts that are ours; guarded by mu
}

// fetchShare is a part of the hosts while this node has it.
type fetchShare struct {
	ctx  context.Context
	work sync.WaitGroup // added to while the share is in FetchQueue.shares
}

// NewFetchQueue returns the queue over the table fetches of l's database. Of
// what blocked reports (an object's or an actor's URI) nothing is fetched or
// admitted; nil blocks nothing.
func NewFetchQueue(l *Log, origin Origin, blocked func(uri string) bool) *FetchQueue {
	if blocked == nil {
		blocked = func(string) bool { return false }
	}
	return &FetchQueue{
		db: l.db, origin: origin, blocked: blocked, logger: l.logger, metrics: l.metrics,
		wake: make(chan struct{}, 1), busy: make(map[string]bool), shares: make(map[int]*fetchShare), leases: l.leases,
	}
}

type fetchRow struct {
	uri, host, giver string
	grant            Grant
	attempts         int
}

// add commits a row, or reports that too many wait for the host.
func (q *FetchQueue) add(ctx context.Context, uri string, grant Grant, giver string) error {
	host, err := ap.Host(uri)
	if err != nil {
		return refuse(422, "bad_uri", "the object's id is not a URI that can be fetched")
	}
	if q.blocked(uri) {
		return refuse(403, "blocked", "the object's server is blocked here")
	}
	key, now := HashOf(uri), time.Now().UnixMilli()
	err = q.db.Write(ctx, func(tx *sql.Tx) error {
		var waiting int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM fetches WHERE host = $1 LIMIT $2) AS w`,
			host, fetchesPerHost).Scan(&waiting); err != nil {
			return err
		}
		if waiting >= fetchesPerHost {
			return &Refusal{Status: 503, Reason: "fetch_queue_full", Message: "too many objects of " + host + " wait to be fetched"}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO fetches (hash, uri, host, granted, giver, attempts, next_at, created_at, last_error)
			VALUES ($1, $2, $3, $4, $5, 0, $6, $6, '') ON CONFLICT (hash) DO UPDATE SET next_at = excluded.next_at
			WHERE fetches.attempts = 0`, key[:], uri, host, grant, giver, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("ingest: queue fetch: %w", err)
	}
	q.poke()
	return nil
}

func (q *FetchQueue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *FetchQueue) drop(ctx context.Context, uri string) error {
	key := HashOf(uri)
	var waiting int
	err := q.db.Read().QueryRowContext(ctx, `SELECT 1 FROM fetches WHERE hash = $1`, key[:]).Scan(&waiting)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // nearly always: no write for it
	}
	err = q.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM fetches WHERE hash = $1`, key[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("ingest: drop fetch: %w", err)
	}
	return nil
}

// Run works the queue off until ctx ends.
func (q *FetchQueue) Run(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait() // the shares, and they for who works on them
	serving.Go(func() { q.leases.Serve(ctx, fetchLease, fetchShards, q.serve) })
	slots := make(chan struct{}, fetchParallel)
	timer := time.NewTicker(fetchPoll)
	defer timer.Stop()
	for {
		hosts, err := q.dueHosts(ctx)
		if err != nil && ctx.Err() == nil {
			q.logger.Error("fetch queue cannot be read, trying again", "err", err)
		}
		for _, host := range hosts {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			share := q.claim(host)
			if share == nil {
				<-slots
				continue
			}
			go func() {
				defer share.work.Done()
				defer func() { <-slots }()
				defer q.release(host)
				q.workHost(share.ctx, host)
			}()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// serve has a part of the hosts worked on until ctx ends.
func (q *FetchQueue) serve(ctx context.Context, term lease.Term) {
	s := &fetchShare{ctx: ctx}
	q.mu.Lock()
	q.shares[term.Shard] = s
	q.mu.Unlock()
	q.poke()
	<-ctx.Done()
	q.mu.Lock()
	delete(q.shares, term.Shard)
	q.mu.Unlock()
	s.work.Wait()
}

// claim begins the work on a host: nil when another node, or somebody here, does it.
func (q *FetchQueue) claim(host string) *fetchShare {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.shares[fetchShard(host)]
	if s == nil || q.busy[host] {
		return nil
	}
	q.busy[host] = true
	s.work.Add(1)
	return s
}

func fetchShard(host string) int { return int(xxhash.Sum64String(host) % fetchShards) }

func (q *FetchQueue) release(host string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, host)
}

func (q *FetchQueue) dueHosts(ctx context.Context) ([]string, error) {
	most := 4 * fetchParallel
	if q.leases.Shared() {
		most *= fetchShards // other nodes' are among them
	}
	rows, err := q.db.Read().QueryContext(ctx, `SELECT DISTINCT host FROM fetches WHERE next_at <= $1 LIMIT $2`,
		time.Now().UnixMilli(), most)
	if err != nil {
		return nil, fmt.Errorf("ingest: due fetches: %w", err)
	}
	defer rows.Close()
	var hosts []string
	for rows.Next() {
		var host string
		if err := rows.Scan(&host); err != nil {
			return nil, fmt.Errorf("ingest: due fetches: %w", err)
		}
		hosts = append(hosts, host)
	}
	return hosts, rows.Err()
}

// workHost fetches the host's due rows one after the other; a host that cannot
// be reached is left for later at once.
func (q *FetchQueue) workHost(ctx context.Context, host string) {
	for ctx.Err() == nil {
		rows, err := q.dueRows(ctx, host)
		if err != nil || len(rows) == 0 {
			return
		}
		for _, row := range rows {
			if err := q.work(ctx, row); err != nil {
				q.logger.Debug("fetch put off", "host", host, "uri", row.uri, "err", err)
				return
			}
		}
	}
}

func (q *FetchQueue) dueRows(ctx context.Context, host string) ([]fetchRow, error) {
	rows, err := q.db.Read().QueryContext(ctx, `SELECT uri, host, granted, giver, attempts FROM fetches
		WHERE host = $1 AND next_at <= $2 ORDER BY next_at LIMIT 20`, host, time.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("ingest: due fetches: %w", err)
	}
	defer rows.Close()
	var due []fetchRow
	for rows.Next() {
		var r fetchRow
		if err := rows.Scan(&r.uri, &r.host, &r.grant, &r.giver, &r.attempts); err != nil {
			return nil, fmt.Errorf("ingest: due fetches: %w", err)
		}
		due = append(due, r)
	}
	return due, rows.Err()
}

// work settles one row: admitted, given up, or put off (then it returns why).
func (q *FetchQueue) work(ctx context.Context, row fetchRow) error {
	fetchCtx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	err := q.fetch(fetchCtx, row)
	switch {
	case err == nil:
		return q.drop(ctx, row.uri)
	case ctx.Err() != nil:
		return ctx.Err()
	case !temporary(err) || row.attempts+1 >= fetchAttempts:
		q.metrics.fetch("given_up")
		q.logger.Debug("fetch given up", "uri", row.uri, "err", err)
		return q.drop(ctx, row.uri)
	}
	q.metrics.fetch("put_off")
	return errors.Join(err, q.putOff(ctx, row, err))
}

func temporary(err error) bool {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Status >= 500
	}
	return errors.Is(err, remote.ErrTemporary) || errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

func (q *FetchQueue) putOff(ctx context.Context, row fetchRow, why error) error {
	delay := min(fetchFirstDelay<<(2*row.attempts), fetchLongestWait)
	key, reason := HashOf(row.uri), why.Error()
	return q.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE fetches SET attempts = attempts + 1, next_at = $1, last_error = $2 WHERE hash = $3`,
			time.Now().Add(delay).UnixMilli(), reason[:min(len(reason), 500)], key[:])
		return err
	})
}

// fetch gets the object from its origin and admits what it finds there.
func (q *FetchQueue) fetch(ctx context.Context, row fetchRow) error {
	raw, err := q.origin.Object(ctx, row.uri)
	if errors.Is(err, remote.ErrGone) || errors.Is(err, remote.ErrNotFound) {
		return q.gone(ctx, row)
	}
	if err != nil {
		return err
	}
	obj, err := ap.ParseObject(raw)
	if err != nil {
		return err
	}
	if obj.Type == "Tombstone" {
		return q.gone(ctx, row)
	}
	if obj.Post == nil || !ap.SameOrigin(obj.ID, obj.AttributedTo) {
		q.metrics.fetch("not_a_post")
		return nil
	}
	if q.blocked(obj.ID) || q.blocked(obj.AttributedTo) {
		q.metrics.fetch("blocked")
		return nil
	}
	actor, err := q.origin.Actor(ctx, obj.AttributedTo)
	if err != nil {
		return err
	}
	r := q.admission.postRecord(obj.Post, &actor.Author, actor.Fetched)
	r.Kind, r.Raw = KindCreate, raw
	r.Grant, r.Giver, r.Verified = row.grant, row.giver, VerifiedFetch
	outcome, err := q.admission.admitPost(ctx, r)
	if err == nil {
		q.metrics.fetch(string(outcome))
	}
	return err
}

// gone treats an object that its origin does not have any more as deleted, if
// we had it.
func (q *FetchQueue) gone(ctx context.Context, row fetchRow) error {
	q.metrics.fetch("gone")
	known, ok, err := q.admission.known(ctx, HashOf(row.uri))
	if err != nil || !ok || known.tombstone {
		return err
	}
	return q.admission.appendGone(ctx, row, known)
}
