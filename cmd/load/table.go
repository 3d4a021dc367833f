package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// cell is one place of the table.
type cell struct {
	Subscribers int     `json:"subscribers"`
	Dead        float64 `json:"dead"`
	Steady      *report `json:"steady"` // at a rate that the relay can hold
	Burst       *report `json:"burst"`  // as fast as it can
}

// burstDeliveries is how many a burst makes: few enough to be over before the
// lanes count as late and are held back.
const burstDeliveries = 10_000

// matrix measures the table: each place with a relay of its own, first at a
// steady rate and then in a burst.
func (l *relayLoad) matrix(ctx context.Context, out, progress io.Writer) error {
	var cells []cell
	for _, n := range []int{50, 300, 1000} {
		for _, dead := range []float64{0, 0.1, 0.3} {
			if ctx.Err() != nil {
				break
			}
			fmt.Fprintf(progress, "%d subscribers, %.0f %% dead\n", n, 100*dead)
			c, err := l.cell(ctx, n, dead, progress)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if c != nil {
				cells = append(cells, *c)
			}
		}
	}
	if l.json {
		return printJSON(out, cells)
	}
	return printCells(out, cells)
}

func (l *relayLoad) cell(ctx context.Context, n int, dead float64, progress io.Writer) (*cell, error) {
	one := *l
	one.subscribers, one.hosts, one.dead = n, 0, dead
	a, err := one.open(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer a.close()
	rate := l.offered / float64(n)
	steady, err := a.phase(ctx, max(int(rate*l.duration.Seconds()), 3), rate, progress)
	if err != nil {
		return nil, err
	}
	c := &cell{Subscribers: n, Dead: dead, Steady: steady}
	if ctx.Err() != nil {
		return c, nil
	}
	c.Burst, err = a.phase(ctx, max(burstDeliveries/n, 1), 0, progress)
	return c, err
}

func printCells(out io.Writer, cells []cell) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "subscribers\tdead\tburst: deliveries/s\tms CPU a delivery\tnew connections\tsteady: deliveries/s\tms CPU a delivery\tlive p50 ms\tp95 ms\tp99 ms\tmissing\tpeak RSS MiB")
	for _, c := range cells {
		fmt.Fprintf(t, "%d\t%.0f %%", c.Subscribers, 100*c.Dead)
		if b := c.Burst; b != nil {
			fmt.Fprintf(t, "\t%.0f\t%.3f\t%d", b.PerSecond, b.ServerMs, b.NewConns)
		} else {
			fmt.Fprint(t, "\t–\t–\t–")
		}
		s := c.Steady
		arrivals := s.Times[len(s.Times)-1]
		fmt.Fprintf(t, "\t%.0f\t%.3f\t%.1f\t%.1f\t%.1f\t%d\t%.0f\n", s.PerSecond, s.ServerMs, arrivals.P50, arrivals.P95, arrivals.P99, s.Expected-s.Units, c.peak())
	}
	return t.Flush()
}

// peak is the most memory that the relay's own process had.
func (c *cell) peak() float64 {
	last := c.Steady
	if c.Burst != nil {
		last = c.Burst
	}
	if len(last.Server) == 0 {
		return 0
	}
	return last.Server[0].PeakMiB
}
