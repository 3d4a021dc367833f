package web

import (
	"sync"
	"time"

	"tributary/ingest"
	"tributary/relay/delivery"
)

// Status is the relay in figures.
type Status struct {
	Name        string  `json:"name"`
	Version     string  `json:"version"`
	Mode        string  `json:"mode"` // relay.Mode
	Inbox       string  `json:"inbox"`
	Actor       string  `json:"actor"`
	Subscribers int     `json:"subscribers"`
	Failing     int     `json:"failing"` // subscribed servers that do not answer now
	Stale       int     `json:"stale"`   // that have not for long
	Paused      int     `json:"paused"`  // that the relay has stopped asking, until they show life
	Sources     int     `json:"sources"` // servers that gave this node a post in the last day, or since it started
	Readers     int     `json:"readers"` // open streams
	Posts       float64 `json:"records_per_minute"`
	Deliveries  float64 `json:"deliveries_per_minute"`
	Delivered   int64   `json:"delivered"` // ever
	Log         Log     `json:"log"`
	Tiers       struct {
		Day  Tiers `json:"day"`
		Ever Tiers `json:"ever"`
	} `json:"posts"`
}

// Tiers is how many posts were passed on between servers, by how far their authors let them go beyond that.
type Tiers struct {
	Relay    int64 `json:"relay"`     // to no reader
	Stats    int64 `json:"stats"`     // into counts
	Live     int64 `json:"live"`      // into streams and timelines
	Search   int64 `json:"search"`    // into search and history
	NotShown int64 `json:"not_shown"` // relay and stats
	NotFound int64 `json:"not_found"` // these and live: no search finds them
}

func tiersOf(c ingest.TierCounts) Tiers {
	t := Tiers{Relay: c[ingest.TierRelay], Stats: c[ingest.TierStats], Live: c[ingest.TierLive], Search: c[ingest.TierSearch]}
	t.NotShown = t.Relay + t.Stats
	t.NotFound = t.NotShown + t.Live
	return t
}

// All is every post that was passed on.
func (t Tiers) All() int64 { return t.NotFound + t.Search }

// Log is how far back a subscriber or a reader can resume.
type Log struct {
	Records        uint64  `json:"records"`                   // seqs from the oldest to the newest record
	Hours          float64 `json:"hours,omitempty"`           // that they would last at this rate; 0: not known
	RetentionHours float64 `json:"retention_hours,omitempty"` // after which everything is gone from the log; 0: no limit in time
}

func (s *Site) status() Status {
	last, perMinute := s.samples.read()
	c := s.cfg.Relay.Community()
	st := Status{
		Name: s.about.Name, Version: s.about.Version, Mode: string(s.about.Mode), Inbox: c.Inbox(), Actor: c.Actor(),
		Subscribers: s.cfg.Relay.Subscriptions().Count(), Readers: last.Readers,
		Posts: perMinute.posts, Deliveries: perMinute.deliveries, Delivered: last.Delivered,
		Log: Log{RetentionHours: s.cfg.Retention.Hours()},
	}
	for _, state := range last.Lanes {
		switch delivery.State(state) {
		case delivery.StateFailing:
			st.Failing++
		case delivery.StateStale:
			st.Stale++
		case delivery.StatePaused:
			st.Paused++
		}
	}
	st.Sources = s.cfg.Relay.Sources().Count(s.now().Add(-24 * time.Hour))
	st.Tiers.Day, st.Tiers.Ever = tiersOf(last.Day), tiersOf(last.Ever)
	if last.LogStart > 0 && last.Tip >= last.LogStart {
		st.Log.Records = last.Tip - last.LogStart + 1
	}
	if perMinute.posts > 0 {
		st.Log.Hours = float64(st.Log.Records) / perMinute.posts / 60
	}
	return st
}

// samplesKept are those of ten minutes.
const samplesKept = int(10 * time.Minute / sampleEvery)

type sample struct {
	at time.Time
	Figures
}

type rates struct{ posts, deliveries float64 } // per minute

// samples are the newest ones, oldest first.
type samples struct {
	mu  sync.Mutex
	all []sample
}

func (s *samples) add(x sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all = append(s.all, x); len(s.all) > samplesKept {
		s.all = append(s.all[:0], s.all[1:]...)
	}
}

// read returns the newest figures, and the rates from the oldest sample to it.
func (s *samples) read() (Figures, rates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return Figures{}, rates{}
	}
	first, last := s.all[0], s.all[len(s.all)-1]
	minutes := last.at.Sub(first.at).Minutes()
	if minutes <= 0 || last.Tip < first.Tip || last.Delivered < first.Delivered {
		return last.Figures, rates{}
	}
	return last.Figures, rates{
		posts:      float64(last.Tip-first.Tip) / minutes,
		deliveries: float64(last.Delivered-first.Delivered) / minutes,
	}
}
