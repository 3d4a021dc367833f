package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tributary/ingest/remote"
	"tributary/ingest/state"
)

// surveyor says what a server runs. *remote.Client is one.
type surveyor interface {
	NodeInfo(ctx context.Context, server string) (remote.Software, error)
}

// survey asks the servers of subscribers what they run, once a week, and keeps that
// in the table software. Of several nodes the one asks that first claims the row.
//
// A crash after a claim leaves the server unasked for surveyClaim.
type survey struct {
	db     *state.DB
	subs   *Subscriptions
	blocks *Blocks
	ask    surveyor
	log    *slog.Logger
	now    func() time.Time
}

// When a server is asked again.
const (
	surveyEvery = 7 * 24 * time.Hour // and up to a seventh more, so that not all are at once
	surveyRetry = 5 * time.Minute    // after it failed; then four times as long each time, up to surveyEvery
	surveyClaim = 10 * time.Minute   // longer than two fetches take
	surveyLook  = time.Hour          // at the table, when nobody subscribes
	surveyAgain = time.Hour          // whose software is blocked: it may run another one then
)

// Bounds of one round.
const (
	surveyAtOnce = 4
	surveyMax    = 256
)

// run asks until ctx ends.
func (s *survey) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := s.subs.Changed()
		next, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "servers are not asked what they run", "err", err)
		}
		wait := surveyLook
		switch {
		case err != nil:
			wait = time.Minute
		case !next.IsZero():
			wait = min(wait, max(time.Second, next.Sub(s.now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due is a server to be asked.
type due struct {
	host, actor string // actor: a URL of it
	at          time.Time
}

// round asks those that are due and says when the next one is; zero: nobody is.
func (s *survey) round(ctx context.Context) (next time.Time, err error) {
	list, err := s.due(ctx)
	if err != nil {
		return next, err
	}
	now := s.now()
	ready := len(list)
	if i := slices.IndexFunc(list, func(d due) bool { return d.at.After(now) }); i >= 0 {
		ready, next = i, list[i].at
	}
	if ready == 0 {
		return next, nil
	}
	if again := now.Add(surveyRetry); next.IsZero() || next.After(again) {
		next = again // for those that fail now
	}
	if ready > surveyMax {
		ready, next = surveyMax, now
	}
	var group errgroup.Group
	group.SetLimit(surveyAtOnce)
	for _, d := range list[:ready] {
		group.Go(func() error { return s.one(ctx, d) })
	}
	if err := group.Wait(); err != nil {
		return next, err
	}
	return next, s.subs.Refresh(ctx)
}

// due lists the servers of subscribers by when they are to be asked, and forgets
// others, but for a while not those whose software is blocked: who follows again and
// again is not asked each time.
func (s *survey) due(ctx context.Context) ([]due, error) {
	at, err := s.asked(ctx)
	if err != nil {
		return nil, err
	}
	var list []due
	seen := make(map[string]bool)
	for _, sub := range s.subs.List() {
		if !seen[sub.Host] && sub.State == StateAccepted {
			list = append(list, due{sub.Host, sub.Actor, at[sub.Host]})
		}
		seen[sub.Host] = seen[sub.Host] || sub.State == StateAccepted
		delete(at, sub.Host)
	}
	slices.SortFunc(list, func(a, b due) int { return a.at.Compare(b.at) })
	now := s.now()
	maps.DeleteFunc(at, func(host string, next time.Time) bool { return next.After(now) && s.blocked(host) })
	if len(at) == 0 {
		return list, nil
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		for host := range at {
			if _, err := tx.ExecContext(ctx, `DELETE FROM software WHERE host = $1 AND host NOT IN (SELECT host FROM subscribers)`, host); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("relay: forgetting software: %w", err)
	}
	return list, nil
}

// blocked reports whether a host is known to run a software that is blocked.
func (s *survey) blocked(host string) bool {
	_, ok := s.blocks.Software(s.subs.Software(host).Name)
	return ok
}

// first asks a server that follows what it runs, before it is answered. A server that does
// not say is let in, and asked again.
func (s *survey) first(ctx context.Context, d due) error {
	if s.subs.Software(d.host).Name != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, surveyFirst)
	defer cancel()
	if err := s.one(ctx, d); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return s.subs.Refresh(context.WithoutCancel(ctx))
}

// surveyFirst bounds what a Follow waits: Mastodon gives a delivery 10 s.
const surveyFirst = 4 * time.Second

// asked is when each server of the table is to be asked again.
func (s *survey) asked(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT host, next_at FROM software`)
	if err != nil {
		return nil, fmt.Errorf("relay: reading software: %w", err)
	}
	defer rows.Close()
	at := make(map[string]time.Time)
	for rows.Next() {
		var host string
		var next int64
		if err := rows.Scan(&host, &next); err != nil {
			return nil, fmt.Errorf("relay: reading software: %w", err)
		}
		at[host] = time.UnixMilli(next)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: reading software: %w", err)
	}
	return at, nil
}

// one asks a server, unless another node does.
func (s *survey) one(ctx context.Context, d due) error {
	failures, mine, err := s.claim(ctx, d.host)
	if err != nil || !mine {
		return err
	}
	software, err := s.ask.NodeInfo(ctx, d.actor)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := s.now()
	if err != nil {
		s.log.DebugContext(ctx, "a subscriber's server does not say what it runs", "host", d.host, "err", err)
		wait := min(surveyRetry<<min(2*failures, 12), surveyEvery)
		return s.write(ctx, `UPDATE software SET failures = failures + 1, next_at = $1, last_error = $2 WHERE host = $3`,
			now.Add(wait).UnixMilli(), firstWords(err), d.host)
	}
	next := now.Add(surveyEvery + rand.N(surveyEvery/7))
	if _, blocked := s.blocks.Software(software.Name); blocked {
		next = now.Add(surveyAgain)
	}
	return s.write(ctx, `UPDATE software SET name = $1, version = $2, checked_at = $3, next_at = $4, failures = 0, last_error = '' WHERE host = $5`,
		software.Name, software.Version, now.UnixMilli(), next.UnixMilli(), d.host)
}

// claim makes the row of a server, and puts its time off so that nobody else asks.
func (s *survey) claim(ctx context.Context, host string) (failures int, mine bool, err error) {
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		failures, mine = 0, false
		done, err := tx.ExecContext(ctx, `INSERT INTO software (host, name, version, checked_at, next_at, failures, last_error)
			VALUES ($1, '', '', 0, $2, 0, '')
			ON CONFLICT (host) DO UPDATE SET next_at = excluded.next_at WHERE software.next_at <= $3`,
			host, now.Add(surveyClaim).UnixMilli(), now.UnixMilli())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if mine = n == 1; err != nil || !mine {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT failures FROM software WHERE host = $1`, host).Scan(&failures)
	})
	if err != nil {
		return 0, false, fmt.Errorf("relay: claiming the software of %s: %w", host, err)
	}
	return failures, mine, nil
}

func (s *survey) write(ctx context.Context, query string, args ...any) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: storing software: %w", err)
	}
	return nil
}

// firstWords bounds what is kept of an error.
func firstWords(err error) string {
	text := err.Error()
	return text[:min(len(text), 300)]
}

// software lists what is known, by host.
func software(ctx context.Context, q *sql.DB) (map[string]remote.Software, error) {
	rows, err := q.QueryContext(ctx, `SELECT host, name, version FROM software WHERE name <> ''`)
	if err != nil {
		return nil, fmt.Errorf("relay: listing software: %w", err)
	}
	defer rows.Close()
	list := make(map[string]remote.Software)
	for rows.Next() {
		var host string
		var s remote.Software
		if err := rows.Scan(&host, &s.Name, &s.Version); err != nil {
			return nil, fmt.Errorf("relay: listing software: %w", err)
		}
		list[host] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: listing software: %w", err)
	}
	return list, nil
}
