package main

import (
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/child"
)

// newBroker is the embedded broker: serve starts it as its child.
func newBroker() *cobra.Command {
	var options broker.Options
	cmd := &cobra.Command{
		Use:     "broker",
		Short:   "Run the embedded Kafka broker alone (serve starts it by itself)",
		Example: "  tributary broker --dir data/log --socket data/broker.sock",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Dir == "" || options.Socket == "" {
				return errors.New("broker needs --dir and --socket")
			}
			if options.Retention.Age == 0 {
				options.Retention.Age = -1 // 0 means no limit to people
			}
			ctx, stop := child.Context(cmd.Context())
			defer stop()
			options.Heartbeat, options.Ready, options.Log = ingest.Heartbeat, child.Ready, child.Logger(slog.LevelInfo)
			return broker.Run(ctx, options)
		},
	}
	cmd.Flags().StringVar(&options.Dir, "dir", "", "folder of the log")
	cmd.Flags().StringVar(&options.Socket, "socket", "", "unix socket to listen on")
	cmd.Flags().DurationVar(&options.Retention.Age, "retention-age", 7*24*time.Hour, "how long records are kept; 0: no limit")
	cmd.Flags().Int64Var(&options.Retention.Bytes, "retention-bytes", 0, "disk that the log takes; 0: 256 MiB")
	cmd.Flags().Int64Var(&options.Retention.Hold, "hold-bytes", 0, "disk that it takes while the index has not read it; 0: no more")
	return cmd
}
