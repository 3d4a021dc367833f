package delivery

import "time"

// silence is what we know of an inbox that takes nothing: a state machine, without clocks or locks.
//
//	well ── not 2xx ──► untaken ── StaleAfter, or goneAfter as gone ──► stale ── PauseAfter ──► paused
//	 ▲                     │                                              │                       │
//	 └──────── 2xx ────────┴──────────────────────────────────────────────┘        well ◄── life ─┘
//
// untaken is most often a server that restarts; nothing differs from well but the
// breaker. stale is for people: it is tried on, at the slowest pace of the breaker.
// paused is asked no more until its server shows life (Engine.Alive), or its
// operator or ours asks for it (Engine.Revive); the position is kept, as with a
// pause by the operator, and what has left the log by then is told as a gap.
//
// What counts is the time in which the inbox was asked: if nothing was sent to it for
// askedWithin, because the log was quiet or we were away, the time beyond that is left out.
type silence struct {
	since  time.Time // of the first answer, or the first time that there was none, after the last 2xx; zero: well
	gone   time.Time // since when the inbox is held to be gone (judgedInbox); zero: it is not
	paused time.Time // zero: it is not
}

const (
	// askedWithin is more than the longest pause of a breaker, Retry-After included.
	askedWithin = 2 * time.Hour
	// goneAfter makes an inbox stale that is gone: 404 and 410 say more than no answer.
	goneAfter = 24 * time.Hour
)

// failed books that the inbox did not take something; last is when it failed before.
func (s *silence) failed(v verdict, status int, last, now time.Time) {
	if s.since.IsZero() {
		s.since = now
	} else if unasked := now.Sub(last) - askedWithin; unasked > 0 {
		s.since = later(s.since.Add(unasked), now)
		if !s.gone.IsZero() {
			s.gone = later(s.gone.Add(unasked), now)
		}
	}
	switch {
	case v == judgedInbox && s.gone.IsZero():
		s.gone = now
	case status != 0 && !missing(status):
		s.gone = time.Time{} // somebody is there
	}
}

// later is t, but not after the bound.
func later(t, bound time.Time) time.Time {
	if t.After(bound) {
		return bound
	}
	return t
}

// stale says whether the inbox has taken nothing for so long that people should
// hear of it; last is when it failed last.
func (s *silence) stale(c *Config, last time.Time) bool {
	if c.StaleAfter == 0 || s.since.IsZero() {
		return false
	}
	return last.Sub(s.since) >= c.StaleAfter ||
		!s.gone.IsZero() && last.Sub(s.gone) >= min(goneAfter, c.StaleAfter)
}

// overdue says whether it has taken nothing for so long that it is asked no more.
func (s *silence) overdue(c *Config, last time.Time) bool {
	return c.PauseAfter > 0 && !s.since.IsZero() && last.Sub(s.since) >= c.PauseAfter
}

// dormant says whether a sign of life of its server changes anything.
func (s *silence) dormant(c *Config, last time.Time) bool {
	return !s.paused.IsZero() || s.stale(c, last)
}

// why says it in words, "" when there is nothing to say.
func (s *silence) why(c *Config, last time.Time) string {
	what := ""
	switch {
	case !s.paused.IsZero() && !s.gone.IsZero():
		what = "paused by the relay: answered 404 or 410 to everything since " + day(s.gone)
	case !s.paused.IsZero():
		what = "paused by the relay: took nothing since " + day(s.since)
	case !s.stale(c, last):
	case !s.gone.IsZero():
		what = "answers 404 or 410 to everything since " + day(s.gone)
	default:
		what = "takes nothing since " + day(s.since)
	}
	return what
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// vacancy is the pause of an inbox that is held to be gone, while its host, which
// answers, may be well: other inboxes of the host are served as ever.
//
// Each probe is made with another record, so that a few which the server does not want cannot make
// it look gone for ever. The lane's position stays at the first one. When something is taken the
// lane goes back there, and what was refused before that one is known to be the records' fault.
type vacancy struct {
	misses int       // records given up for 404 or 410 since the inbox answered anything else
	fails  int       // steps of backoff; 0: it is not held to be gone
	until  time.Time // end of the pause
	from   uint64    // the first record that is not settled because of it; 0: there is none
	since  time.Time // when that one entered the log
	proven uint64    // records below were refused before the server took one
}

// missesMax is how many records are given up for 404 or 410, one after another, until
// the inbox is to blame.
const missesMax = 2

// missing says whether an answer may mean the record, or the inbox.
func missing(status int) bool { return status == 404 || status == 410 }

// blames says whether a 404 or 410 judges the inbox, when there is nothing that the server took meanwhile;
// refused is how often the record was refused before. The first time it is the record's, and comes again.
func (v *vacancy) blames(refused int) bool {
	return v.fails > 0 || refused > 0 && v.misses >= missesMax
}

// failed begins the pause, or its next step. Requests that were in flight together are one step.
func (v *vacancy) failed(after time.Duration, now time.Time) {
	if v.fails == 0 || !now.Before(v.until) {
		v.fails++
		v.until = now.Add(backoff(v.fails))
	}
	if at := now.Add(after); at.After(v.until) {
		v.until = at
	}
}

// keep notes a record that is to be sent again.
func (v *vacancy) keep(it *item) {
	if v.from == 0 || it.seq < v.from {
		v.from, v.since = it.seq, it.since
	}
}

// answered books an answer which shows that the inbox is there.
func (v *vacancy) answered(it *item) {
	v.misses, v.fails, v.until = 0, 0, time.Time{}
	if v.from != 0 {
		v.proven = max(v.proven, it.seq)
	}
}
