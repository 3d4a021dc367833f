package delivery

import (
	"testing"
	"time"
)

type countWakes int

func (c *countWakes) wake() { *c++ }

func TestBreaker(t *testing.T) {
	hs, wakes := newHosts(), new(countWakes)
	h := hs.join("a.example", wakes)
	now := time.Unix(1000, 0)

	// Well: anybody may send, and one answer changes nothing.
	first, second, third := h.begin(now), h.begin(now), h.begin(now)
	if first != passFree || second != passFree || third != passFree || h.busy() != 3 {
		t.Fatalf("a host that is well refuses")
	}
	h.end(first, settled, 0, now)

	// The first failure opens, the second of the same volley is no further step.
	if n := h.end(second, judgedServer, 0, now); n != 1 {
		t.Fatalf("%d failures", n)
	}
	if n := h.end(third, judgedServer, 0, now); n != 1 {
		t.Fatalf("a failure of the same volley counts: %d", n)
	}
	if h.begin(now) != passNo || hs.open() != 1 {
		t.Fatal("open, and lets through")
	}
	if *wakes != 0 {
		t.Fatal("woken for a pause that has just begun")
	}

	// After the pause one probes, the others wait for it.
	now = h.look().until
	probe := h.begin(now)
	if probe != passProbe || h.begin(now) != passNo || h.look().ready(now) {
		t.Fatal("not exactly one probe")
	}
	if n := h.end(probe, judgedServer, 0, now); n != 2 || *wakes != 1 {
		t.Fatalf("failed probe: %d steps, %d wakes", n, *wakes)
	}
	if d := h.look().until.Sub(now); d < 2*time.Second || d > 4*time.Second {
		t.Fatalf("second pause is %v", d)
	}

	// A probe that we ended says nothing; the next one may go.
	now = h.look().until
	h.end(h.begin(now), aborted, 0, now)
	if *wakes != 2 || !h.look().ready(now) {
		t.Fatal("an aborted probe is not given back")
	}

	// Retry-After is kept, longer or not than the backoff.
	probe = h.begin(now)
	h.end(probe, judgedServer, time.Hour, now)
	if d := h.look().until.Sub(now); d != time.Hour {
		t.Fatalf("pause %v, asked for 1h", d)
	}

	// A judged record shows that the server is well.
	now = h.look().until
	if n := h.end(h.begin(now), judgedRecord, 0, now); n != 0 || h.begin(now) != passFree || hs.open() != 0 {
		t.Fatal("not closed")
	}
	hs.leave(h, wakes)
	if len(hs.byName) != 0 {
		t.Fatal("a host that nobody uses is kept")
	}
}

func TestParseInbox(t *testing.T) {
	for inbox, want := range map[string]string{
		"https://A.Example/inbox":           "a.example",
		"https://a.example:443/inbox":       "a.example",
		"https://a.example:8443/inbox":      "a.example:8443",
		"http://127.0.0.1:80/inbox":         "127.0.0.1",
		"http://[::1]:3000/users/x/inbox":   "[::1]:3000",
		"ftp://a.example/inbox":             "",
		"/inbox":                            "",
		"https://":                          "",
		"https://user:pass@a.example/inbox": "",
		"https://a.example/%zz":             "",
	} {
		_, host, err := parseInbox(inbox)
		if host != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", inbox, host, err)
		}
	}
}

func TestSlotsLeaveSomeForOthers(t *testing.T) {
	s := newSlots(512)
	const slow = 200
	held := make([]int, slow)
	for range 8 { // all of them ask, again and again
		for i := range held {
			if s.take(held[i]) {
				held[i]++
			}
		}
	}
	if free := s.free.Load(); free < 32 {
		t.Errorf("%d lanes that never answer leave %d of 512 slots", slow, free)
	}
	if !s.take(0) {
		t.Error("a lane that holds none gets none")
	}
	alone := newSlots(512)
	n := 0
	for n < 7 && alone.take(n) {
		n++
	}
	if n != 7 {
		t.Errorf("one lane alone gets %d slots", n)
	}
}
