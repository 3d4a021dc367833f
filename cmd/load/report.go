package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// spread is a distribution of times, in milliseconds.
type spread struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func percentiles(name string, all []time.Duration) spread {
	if len(all) == 0 {
		return spread{Name: name}
	}
	slices.Sort(all)
	at := func(p float64) float64 {
		return float64(all[min(int(p*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	return spread{name, len(all), at(0.5), at(0.95), at(0.99), at(1)}
}

// report is what a command says in the end.
type report struct {
	Command     string         `json:"command"`
	Interrupted bool           `json:"interrupted,omitempty"`
	Seconds     float64        `json:"seconds"`
	Posts       int            `json:"posts"`
	Refused     int            `json:"refused"`
	Unit        string         `json:"unit"` // what Units counts and processor time is divided by
	Units       int            `json:"units"`
	Expected    int            `json:"expected,omitempty"` // units, had all of them come
	PerSecond   float64        `json:"per_second"`
	ServerMs    float64        `json:"server_cpu_ms_per_unit"`
	LoadMs      float64        `json:"load_cpu_ms_per_unit"`
	NewConns    int            `json:"new_connections"`
	Server      []processUsage `json:"server"`
	Times       []spread       `json:"times"`
	Notes       []string       `json:"notes,omitempty"`
}

// meter measures from now until finish.
type meter struct {
	server  *server
	before  []processUsage
	own     float64
	started time.Time
}

func begin(s *server) *meter {
	return &meter{server: s, before: usage(s.pid), own: ownSeconds(), started: time.Now()}
}

// finish fills in what was measured; Unit and Units must be set.
func (m *meter) finish(r *report) {
	r.Seconds = time.Since(m.started).Seconds()
	r.Server = since(usage(m.server.pid), m.before)
	if r.Units == 0 {
		return
	}
	r.PerSecond = float64(r.Units) / r.Seconds
	r.LoadMs = 1000 * (ownSeconds() - m.own) / float64(r.Units)
	for _, p := range r.Server {
		r.ServerMs += 1000 * p.CPUSeconds / float64(r.Units)
	}
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Interrupted {
		fmt.Fprintln(t, "interrupted\tthis is what was measured so far")
	}
	fmt.Fprintf(t, "posts\t%d in %.1f s (%.1f/s), %d refused\n", r.Posts, r.Seconds, float64(r.Posts)/r.Seconds, r.Refused)
	if r.Unit != "post" {
		fmt.Fprintf(t, "%s\t%d (%.0f/s)", map[string]string{"delivery": "deliveries", "frame": "frames"}[r.Unit], r.Units, r.PerSecond)
		if r.Expected > 0 {
			fmt.Fprintf(t, " of %d", r.Expected)
		}
		fmt.Fprintln(t)
	}
	if r.Command == "relay" {
		fmt.Fprintf(t, "new connections\t%d, %.4f a %s\n", r.NewConns, float64(r.NewConns)/float64(max(r.Units, 1)), r.Unit)
	}
	if len(r.Server) > 0 {
		fmt.Fprintf(t, "processor time\trelay %.3f ms a %s, load generator %.3f ms\n", r.ServerMs, r.Unit, r.LoadMs)
	}
	for _, p := range r.Server {
		fmt.Fprintf(t, "  %s\t%.2f s, %.0f MiB (peak %.0f)\n", p.Name, p.CPUSeconds, p.RSSMiB, p.PeakMiB)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(t, "note\t%s\n", n)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printTimes(w)
}

func (r *report) printTimes(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ms\tcount\tp50\tp95\tp99\tmax")
	for _, s := range r.Times {
		if s.Count > 0 {
			fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\n", s.Name, s.Count, s.P50, s.P95, s.P99, s.Max)
		}
	}
	return t.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
