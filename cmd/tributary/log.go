package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/cmd/internal/daemon"
	"tributary/ingest"
)

// newLog is what is done to the log while the program does not run.
func newLog() *cobra.Command {
	return group(&cobra.Command{
		Use:     "log",
		Short:   "Look after the log of a relay that does not run",
		Example: "  tributary log copy --config tributary.yaml --from embedded --to brokers",
	}, newLogCopy())
}

func newLogCopy() *cobra.Command {
	var options daemon.CopyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "copy --from embedded|brokers --to embedded|brokers",
		Short: "Move the log from the embedded broker to a Kafka, or back",
		Long: `Copy moves the log: every record keeps its seq, so that subscribers and readers
resume where they were. The source stays as it is. The relay must be stopped on
every machine, and kafka.brokers must name the Kafka, in both directions.

Both logs are read again and compared at the end, and only then does the state
database speak of the copy; serve must be started with it from then on. A copy
that was interrupted is continued by the same command. The target must be empty or hold
the beginning of the same log: otherwise remove DATA/log, or delete the topic.`,
		Example: `  tributary log copy --config tributary.yaml --from embedded --to brokers --dry-run
  TRIBUTARY_KAFKA_BROKERS=kafka:9092 tributary log copy --from embedded --to brokers
  tributary log copy --config tributary.yaml --from brokers --to embedded`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.From == "" || options.To == "" {
				return errors.New("log copy needs --from and --to, each embedded or brokers")
			}
			return copyLog(cmd, options)
		},
	}
	config.AddFlags(cmd.Flags(), "data")
	cmd.Flags().StringVar(&options.From, "from", "", "where the log is: embedded or brokers")
	cmd.Flags().StringVar(&options.To, "to", "", "where it goes: embedded or brokers")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "read and compare everything, write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return cmd
}

func copyLog(cmd *cobra.Command, options daemon.CopyOptions) error {
	options.Progress = progressTo(cmd.ErrOrStderr())
	var report ingest.CopyReport
	err := offline(cmd, func(ctx context.Context, s settings) (err error) {
		report, err = daemon.CopyLog(ctx, s.config, options, s.log)
		return err
	})
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; the same command goes on from here")
	case errors.Is(err, ingest.ErrOtherLog):
		return fmt.Errorf("%w: was it copied already, or lost records? serve settles that, started once on the source", err)
	case err != nil:
		return err
	}
	if err := show(cmd, report, func(w io.Writer) { copyTable(w, report, options.DryRun) }); err != nil {
		return err
	}
	if !options.DryRun {
		next, old := "this configuration", "embedded log"
		if options.To == daemon.Embedded {
			next, old = "kafka.brokers: embedded", "Kafka's log"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Done. Start serve with %s; the %s is no longer used.\n", next, old)
	}
	return nil
}

// progressTo prints at most a line each second.
func progressTo(w io.Writer) func(ingest.CopyProgress) {
	var last time.Time
	return func(p ingest.CopyProgress) {
		if now := time.Now(); p.Done == p.Total || now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(w, "%s: %d of %d records\n", p.Step, p.Done, p.Total)
		}
	}
}

func copyTable(w io.Writer, r ingest.CopyReport, dry bool) {
	fmt.Fprintf(w, "RECORDS\tBYTES\tSEQS\tOFFSETS\tFOUND THERE\tFINGERPRINT\n")
	fingerprint := fmt.Sprintf("%016x", r.Fingerprint)
	if dry {
		fingerprint = dash("")
	}
	fmt.Fprintf(w, "%d\t%d\t%d to %d\t%d to %d\t%d\t%s\n", r.Records, r.Bytes, r.First, r.Last, r.Start, max(r.End-1, r.Start), r.Found, fingerprint)
}
