package delivery

import "time"

// meter is how many things happened in the last minute, near enough, in the room of three words.
type meter struct {
	minute    int64 // since 1970
	now, last float64
}

func (m *meter) turn(t time.Time) {
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

func (m *meter) count(t time.Time) {
	m.turn(t)
	m.now++
}

// perMinute weighs the minute before by what is left of it.
func (m *meter) perMinute(t time.Time) float64 {
	m.turn(t)
	return m.now + m.last*(1-float64(t.UnixNano()%int64(time.Minute))/float64(time.Minute))
}
