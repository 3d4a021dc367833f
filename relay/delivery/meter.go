package delivery

import "time"

// Meter is how many things happened in the last minute, near enough, in the room of three words.
type Meter struct {
	minute    int64 // since 1970
	now, last float64
}

func (m *Meter) turn(t time.Time) {
	minute := t.Unix() / 60
	switch {
	case minute == m.minute:
		return
	case minute == m.minute+1:
		m.last = m.now
	default:
		m.last = 0
	}
	m.minute, m.now = minute, 0
}

// Count counts one thing. Times must not go back.
func (m *Meter) Count(t time.Time) {
	m.turn(t)
	m.now++
}

// PerMinute weighs the minute before by what is left of it.
func (m *Meter) PerMinute(t time.Time) float64 {
	m.turn(t)
	return m.now + m.last*(1-float64(t.UnixNano()%int64(time.Minute))/float64(time.Minute))
}
