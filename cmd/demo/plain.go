package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// lines is the display without a terminal: a line now and then, of figures and of the
// newest post.
type lines struct {
	out   io.Writer
	every time.Duration
}

func (d lines) show(ctx context.Context, m *model) error {
	phase, guided := "", false
	for {
		v := m.look(time.Now())
		text, every := "", d.every
		switch {
		case v.phase != "":
			every = 20 * time.Millisecond
			if phase == "" { // what follows is over soon
				text = v.phase + "\n"
			}
		case !guided:
			guided = true
			text = introduction(&v)
		default:
			text = figures(&v) + "\n"
		}
		phase = v.phase
		if _, err := io.WriteString(d.out, text); err != nil {
			return fmt.Errorf("demo: printing: %w", err)
		}
		if !wait(ctx, every) {
			return nil
		}
	}
}

// introduction says where to point a client.
func introduction(v *view) string {
	var b strings.Builder
	fmt.Fprintf(&b, "relay %s (pid %d) among %s, %d subscribed; inbox %s\n",
		v.guide.base, v.relay.pid, plural(v.world.servers, "simulated server"), v.world.subscribed, v.guide.inbox())
	for _, c := range v.guide.commands(!v.index.off) {
		if c[0] != "" {
			b.WriteString("# " + c[0] + "\n")
		}
		b.WriteString(c[1] + "\n")
	}
	if v.index.off {
		b.WriteString(searchOff + "\n")
	}
	return b.String()
}

// figures is a view in one line.
func figures(v *view) string {
	var b strings.Builder
	b.WriteString(clock(v.elapsed))
	for _, f := range v.flows {
		if f.off == "" {
			fmt.Fprintf(&b, "  %s %s/s", f.name, perSecond(f.rate))
		}
	}
	fmt.Fprintf(&b, "  behind %s median %s last", count(v.lanes.median), count(v.lanes.last))
	if !v.index.off {
		fmt.Fprintf(&b, "  index behind %s", count(v.index.lag))
	}
	for _, r := range v.results {
		if r.n > 0 {
			fmt.Fprintf(&b, "  %s %s", r.name, count(r.n))
		}
	}
	fmt.Fprintf(&b, "  breakers open %d", v.lanes.breakers)
	if len(v.posts) > 0 {
		p := v.posts[0]
		fmt.Fprintf(&b, "  newest %s: %s", p.acct, cut(mark(p)+p.text, 60))
	}
	return b.String()
}

// summary is what is left on the screen at the end.
func (m *model) summary(now time.Time) string {
	v := m.look(now)
	totals := make([]string, 0, len(v.flows))
	for _, f := range v.flows {
		if f.off == "" {
			totals = append(totals, f.name+" "+count(f.total))
		}
	}
	return fmt.Sprintf("%s: %s\n", clock(v.elapsed), strings.Join(totals, ", "))
}
