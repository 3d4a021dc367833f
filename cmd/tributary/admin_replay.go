package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newSubscribersReplayCommand() *cobra.Command {
	var request admin.ReplayRequest
	var since string
	cmd := &cobra.Command{
		Use:   "replay HOST|ACTOR",
		Short: "Send a subscriber again what it has had, from a seq or a time on",
		Long: `Send a subscriber again what it has had, from a seq or a time on, as far back as
the log reaches. It is for a server that lost what it took, restored from a
backup for example. Receivers know what they have by its id.`,
		Example: `  tributary admin subscribers replay social.example --since 2h --dry-run
  tributary admin subscribers replay social.example --from 1200345`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Key = args[0]
			if cmd.Flags().Changed("from") == cmd.Flags().Changed("since") {
				return errors.New("say either --from SEQ or --since TIME")
			}
			span, err := parseLife("since", since)
			if err != nil {
				return err
			}
			request.SinceSeconds = int64(span / time.Second)
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.Replay(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { replayTable(w, result) })
		},
	}
	cmd.Flags().Uint64Var(&request.From, "from", 0, "the first seq that it gets again")
	cmd.Flags().StringVar(&since, "since", "", "how long ago what it gets again entered the log: 90m, 2h, 3d")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say how many records that would be, and change nothing")
	return cmd
}

func replayTable(w io.Writer, r admin.Replayed) {
	if r.Short {
		fmt.Fprintf(w, "the log begins at %d: nothing older is there any more\n", r.LogStart)
	}
	does := "gets"
	if r.DryRun {
		does = "would get"
	}
	for _, l := range r.Lanes {
		fmt.Fprintf(w, "%s %s at most %s again, from %d on; it stood at %d\n", l.Inbox, does, plural(int(l.Records), "record"), r.From, l.Position)
	}
	if r.MaxAge != "" {
		fmt.Fprintf(w, "posts older than %s (delivery.max_age) are not among them\n", r.MaxAge)
	}
}
