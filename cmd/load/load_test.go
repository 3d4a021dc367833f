package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"tributary/ingest/ap"
)

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(1000-i)*time.Millisecond)
	}
	if got, want := percentiles("x", all), (spread{"x", 1000, 501, 951, 991, 1000}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := percentiles("none", nil); got.Count != 0 {
		t.Errorf("%+v", got)
	}
}

func TestParseStat(t *testing.T) {
	// The name is in parentheses and may hold them.
	p, ok := parseStat("42 (a) b) c) S 7 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 100 1000 512 18446744073709551615 0")
	if !ok || p.pid != 42 || p.parent != 7 || p.CPUSeconds != 3 || p.RSSMiB != 512*float64(os.Getpagesize())/(1<<20) {
		t.Errorf("%+v, %v", p, ok)
	}
	for _, s := range []string{"", "1 (x", "1 (x) S 1"} {
		if _, ok := parseStat(s); ok {
			t.Errorf("%q was read", s)
		}
	}
	if own := usage(os.Getpid()); len(own) == 0 || own[0].pid != os.Getpid() || own[0].RSSMiB == 0 {
		t.Errorf("of this process: %+v", own)
	}
}

// What is posted is what the relay reads, and is found again in what comes back.
func TestCreate(t *testing.T) {
	p := &party{base: "http://127.0.0.1:1"}
	for _, n := range []int{0, 1, 1_234_567} {
		body := p.create(n, 1400)
		a, err := ap.ParseActivity(body)
		if err != nil || a.Object == nil || a.Object.Post == nil || a.Object.Post.Visibility != ap.Public {
			t.Fatalf("%v: %s", err, body)
		}
		if hasTag := len(a.Object.Post.Tags) > 0; hasTag != (n%3 == 0) {
			t.Errorf("post %d: tags %v", n, a.Object.Post.Tags)
		}
		if got, ok := numberIn(body); !ok || got != n {
			t.Errorf("found %d, %v in post %d", got, ok, n)
		}
	}
	if _, ok := numberIn([]byte(`{"object":"https://a.example/posts/"}`)); ok {
		t.Error("a number was found where there is none")
	}
}

func TestSinkKill(t *testing.T) {
	for _, how := range []string{"hang", "error"} {
		for _, share := range []float64{0, 0.1, 0.3, 0.9} {
			s := &sink{}
			for range 50 {
				h := &sinkHost{}
				s.hosts = append(s.hosts, h)
				s.subscribers = append(s.subscribers, &subscriber{host: h})
			}
			s.kill(share, how)
			if live, want := s.live(), 50-int(50*share+0.5); live != want {
				t.Errorf("%s, share %v: %d live, want %d", how, share, live, want)
			}
		}
	}
}

func TestReportSaysAll(t *testing.T) {
	r := &report{
		Command: "relay", Interrupted: true, Seconds: 2, Posts: 10, Refused: 1, Unit: "delivery", Units: 100, Expected: 110, PerSecond: 50,
		NewConns: 5, ServerMs: 0.8, Server: []processUsage{{Name: "tributary serve", CPUSeconds: 0.08, RSSMiB: 50, PeakMiB: 60}},
		Times: []spread{{"post → subscriber", 100, 1, 2, 3, 4}}, Notes: []string{"something"},
	}
	var text, object bytes.Buffer
	if err := r.print(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"interrupted", "1 refused", "100 (50/s) of 110", "0.0500 a delivery", "0.800 ms", "peak 60", "something", "post → subscriber"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &text)
		}
	}
	if err := r.print(&object, true); err != nil || !strings.Contains(object.String(), `"p99_ms": 3`) {
		t.Errorf("%v\n%s", err, &object)
	}
}
