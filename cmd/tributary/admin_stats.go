package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newStatsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		Short:   "Figures about the log, the subscribers and the deliveries",
		Example: "  tributary admin stats --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			stats, err := client.Stats(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, stats, func(w io.Writer) { statsTable(w, stats) })
		},
	}
}

func statsTable(w io.Writer, s admin.Stats) {
	row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	row("tip", s.Tip)
	row("log start", s.LogStart)
	row("log bytes", s.LogBytes)
	row("log bytes held for the index", s.HeldBytes)
	row("state cursor", s.StateCursor)
	row("subscribers", s.Subscribers)
	row("blocks", s.Blocks)
	row("lanes", s.Lanes.Lanes)
	row("lanes failing", s.Lanes.Failing)
	row("lanes stale", s.Lanes.Stale)
	row("lanes paused by the relay", s.Lanes.Paused)
	row("lag, median", s.Lanes.LagMedian)
	row("lag, largest", s.Lanes.LagMax)
	row("delivered", s.Lanes.Delivered)
	row("given up", s.Lanes.GivenUp)
	for _, r := range s.Rows {
		row("rows of "+r.Name, r.Rows)
	}
}
