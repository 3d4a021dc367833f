package web

import (
	"sync"
	"time"
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
	Readers     int     `json:"readers"` // open streams
	Posts       float64 `json:"records_per_minute"`
	Deliveries  float64 `json:"deliveries_per_minute"`
	Delivered   int64   `json:"delivered"` // ever
	Log         Log     `json:"log"`
}

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
		Subscribers: s.cfg.Relay.Subscriptions().Count(), Failing: len(last.Failing), Readers: last.Readers,
		Posts: perMinute.posts, Deliveries: perMinute.deliveries, Delivered: last.Delivered,
		Log: Log{RetentionHours: s.cfg.Retention.Hours()},
	}
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
