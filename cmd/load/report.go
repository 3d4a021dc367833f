package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// spread is a distribution of times, in milliseconds.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func percentiles(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	at := func(p float64) float64 {
		return float64(all[min(int(p*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	return spread{len(all), at(0.5), at(0.95), at(0.99), at(1)}
}

// processUsage is what the relay's process took, of /proc.
type processUsage struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	RSSMiB     float64 `json:"rss_mib"`
}

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go runs on

func usage(pid int) processUsage {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processUsage{}
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	number := func(i int) float64 { v, _ := strconv.ParseFloat(fields[i], 64); return v }
	return processUsage{
		CPUSeconds: (number(11) + number(12)) / ticksPerSecond,
		RSSMiB:     number(21) * float64(os.Getpagesize()) / (1 << 20),
	}
}

func (u processUsage) since(before processUsage) processUsage {
	return processUsage{CPUSeconds: u.CPUSeconds - before.CPUSeconds, RSSMiB: u.RSSMiB}
}

type report struct {
	Posts       int          `json:"posts"`
	Refused     int          `json:"refused"`
	Seconds     float64      `json:"seconds"`
	Subscribers int          `json:"subscribers"`
	Deliveries  int          `json:"deliveries"`
	Answer      spread       `json:"post_to_answer"`
	Firehose    spread       `json:"post_to_firehose"`
	Inbox       spread       `json:"post_to_subscriber"`
	Search      spread       `json:"post_to_search"`
	Process     processUsage `json:"relay_process"`
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "posts\t%d in %.1f s (%.1f/s), %d refused\n", r.Posts, r.Seconds, float64(r.Posts)/r.Seconds, r.Refused)
	unit, n := "post", r.Posts
	if r.Subscribers > 0 {
		fmt.Fprintf(t, "deliveries\t%d of %d\n", r.Deliveries, r.Answer.Count*r.Subscribers)
		unit, n = "delivery", r.Deliveries
	}
	if r.Process.CPUSeconds > 0 && n > 0 {
		fmt.Fprintf(t, "relay process\t%.2f s of processor, %.2f ms a %s, %.0f MiB\n",
			r.Process.CPUSeconds, 1000*r.Process.CPUSeconds/float64(n), unit, r.Process.RSSMiB)
	}
	fmt.Fprintln(t, "ms\tcount\tp50\tp95\tp99\tmax")
	for _, row := range []struct {
		name string
		s    spread
	}{{"post → answer", r.Answer}, {"post → firehose", r.Firehose}, {"post → subscriber", r.Inbox}, {"post → search", r.Search}} {
		if row.s.Count == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\n", row.name, row.s.Count, row.s.P50, row.s.P95, row.s.P99, row.s.Max)
	}
	return t.Flush()
}
