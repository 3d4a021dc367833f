package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A lane is made to begin anew by another generation of its row, whoever runs it: the
// node that does finds its row claimed by somebody else, ends the lane and claims it again
// (Engine.sync). So it needs no word between nodes, and a crash in the middle leaves either
// nothing or all of it.

// Alive says that a server has shown life: an actor of the host signed a request to us.
// Its lanes that are stale are probed at once, those that the relay paused go on. It is
// cheap where there are none, and does it once a minute at most for one host: whoever
// posts to us all day and takes nothing is not asked at each post.
func (e *Engine) Alive(ctx context.Context, host string) {
	now := time.Now()
	if e.sleepers.due(now) {
		rows, err := stored(ctx, e.deps.DB)
		if err != nil {
			e.logger.WarnContext(ctx, "stale lanes are not known", "err", err)
			return
		}
		e.sleepers.read(rows, &e.cfg)
	}
	if !e.sleepers.wake(host, now) {
		return
	}
	n, err := e.revive(ctx, func(r *row) bool { return r.host == host && r.silence.dormant(&e.cfg, r.lastFailure) })
	if err != nil {
		e.logger.WarnContext(ctx, "a server that shows life is not asked yet", "host", host, "err", err)
		return
	}
	e.logger.InfoContext(ctx, "a server that took nothing shows life, and is asked again", "host", host, "lanes", n)
}

// Revive does so for one inbox because the operator says so, stale or not. It returns
// ErrNoLane when there is no such lane.
func (e *Engine) Revive(ctx context.Context, inbox string) error {
	n, err := e.revive(ctx, func(r *row) bool { return r.inbox == inbox })
	if err == nil && n == 0 {
		err = fmt.Errorf("delivery: %w: %s", ErrNoLane, inbox)
	}
	return err
}

// revive has lanes begin anew where they stand. What was paused gets all its time again.
func (e *Engine) revive(ctx context.Context, which func(*row) bool) (n int, err error) {
	rows, err := stored(ctx, e.deps.DB)
	if err != nil {
		return 0, err
	}
	err = e.deps.DB.Write(ctx, func(tx *sql.Tx) error {
		n = 0
		for i := range rows {
			if !which(&rows[i]) {
				continue
			}
			n++
			if _, err := tx.ExecContext(ctx, `UPDATE lanes SET generation = generation + 1, paused_at = 0,
				untaken_since = CASE WHEN paused_at > 0 THEN 0 ELSE untaken_since END,
				gone_since = CASE WHEN paused_at > 0 AND gone_since > 0 THEN $1 ELSE gone_since END
				WHERE inbox = $2 AND generation = $3`, time.Now().UnixMilli(), rows[i].inbox, rows[i].generation); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delivery: waking lanes: %w", err)
	}
	signal(e.stale)
	return n, nil
}

// Replay sets the lane of an inbox back to from, so that its server gets again what it has had
// since; receivers know what they have by its id. It returns where the lane stood. It is the one exception to
// the rule that a position never goes back, and therefore claims the row: what the lane has in
// flight, and saves later, is of a generation that writes no more. With dry nothing changes.
//
// A crash before the transaction leaves the lane where it was, one after it begins at from.
func (e *Engine) Replay(ctx context.Context, inbox string, from uint64, dry bool) (position uint64, err error) {
	if err := e.save(ctx); err != nil {
		return 0, err
	}
	err = e.deps.DB.Write(ctx, func(tx *sql.Tx) error {
		var at int64
		err := tx.QueryRowContext(ctx, `SELECT position FROM lanes WHERE inbox = $1`, inbox).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %s", ErrNoLane, inbox)
		}
		if err != nil {
			return err
		}
		position = uint64(at)
		if from >= position {
			return fmt.Errorf("%w: it stands at %d", ErrNotPassed, position)
		}
		if dry {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE lanes SET position = $1, generation = generation + 1, waiting_since = 0 WHERE inbox = $2`, int64(from), inbox)
		return err
	})
	if err != nil {
		return position, fmt.Errorf("delivery: replay from %d: %w", from, err)
	}
	if !dry {
		signal(e.stale)
	}
	return position, nil
}

// sleepers are the hosts that have a stale or paused lane, here or at another node, as the
// table says.
type sleepers struct {
	mu    sync.Mutex
	at    time.Time            // when the table was read
	hosts map[string]time.Time // when the host was woken last
}

// sleepersEvery is how old what is known of the table may be; wakeEvery is how often a host is woken.
const (
	sleepersEvery = 3 * time.Second
	wakeEvery     = time.Minute
)

// due says whether the caller is to read the table; others go on with what is known.
func (s *sleepers) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.at) < sleepersEvery {
		return false
	}
	s.at = now
	return true
}

func (s *sleepers) read(rows []row, cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.hosts
	s.hosts = make(map[string]time.Time)
	for i := range rows {
		if r := &rows[i]; r.silence.dormant(cfg, r.lastFailure) {
			s.hosts[r.host] = known[r.host]
		}
	}
}

// wake says whether the host is to be woken now.
func (s *sleepers) wake(host string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, sleeps := s.hosts[host]
	if !sleeps || now.Sub(last) < wakeEvery {
		return false
	}
	s.hosts[host] = now
	return true
}
