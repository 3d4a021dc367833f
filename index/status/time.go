package status

import "time"

// Time is a time as Mastodon writes it: UTC, milliseconds, "Z".
type Time struct{ time.Time }

const timeForm = "2006-01-02T15:04:05.000Z"

// The times that clients can hold: toot and Mastodon.py convert to local time,
// which overflows next to the years 1 and 9999.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
)

// clampTime brings a stranger's time into what clients can hold.
func clampTime(t time.Time) Time {
	switch {
	case t.Before(earliest):
		return Time{earliest}
	case t.After(latest):
		return Time{latest}
	}
	return Time{t.UTC()}
}

// clampPast is clampTime for what cannot lie in the future: a post dated 2099
// would stand above all others. A zero arrival bounds nothing.
func clampPast(t, arrival time.Time) Time {
	if !arrival.IsZero() && t.After(arrival) {
		t = arrival
	}
	return clampTime(t)
}

// MarshalJSON writes the time in Mastodon's form.
func (t Time) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

func (t Time) appendJSON(b []byte) []byte {
	b = append(b, '"')
	b = AppendTime(b, t.Time)
	return append(b, '"')
}

// AppendTime appends t in Mastodon's form, without quotes. Years outside 1900 …
// 9999 are clamped.
func AppendTime(b []byte, t time.Time) []byte {
	return clampTime(t).Time.AppendFormat(b, timeForm)
}
