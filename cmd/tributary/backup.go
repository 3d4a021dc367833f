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
)

// newBackup writes what cannot be had again into one file.
func newBackup() *cobra.Command {
	var options daemon.BackupOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup [FILE]",
		Short: "Write keys, state database and positions into one file",
		Long: `Backup writes the state database (keys, subscribers, tokens, blocks, the positions
of deliveries and cursors) and the configuration into one file, with checksums and
mode 0600, for it holds private keys. The relay may run, or not; everything in the
file is as of one moment. FILE must not exist; without it the name has the time.

The posts themselves are in the log. With --log they come along, as far back as the
log reaches; without, a restored relay goes on with the log that it then finds, or
with none. The index is not part of a backup: it is made again from the log.

Keep copies away from this machine, and encrypted: whoever has one can speak for
the relay.`,
		Example: `  tributary backup --data /var/lib/tributary
  tributary backup --config /etc/tributary.yaml --log /srv/backups/relay.backup
  tributary backup --dry-run`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return backup(cmd, args, options) },
	}
	config.AddFlags(cmd.Flags(), "data")
	cmd.Flags().BoolVar(&options.Log, "log", false, "also the log: the posts as they were received")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "read everything and say how large it would be, write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return cmd
}

func backup(cmd *cobra.Command, args []string, options daemon.BackupOptions) error {
	options.Path = time.Now().UTC().Format("tributary-20060102T150405Z.backup")
	if len(args) == 1 {
		options.Path = args[0]
	}
	options.Program, options.Progress = version(), secondsOf(cmd.ErrOrStderr())
	var report daemon.BackupReport
	err := offline(cmd, func(ctx context.Context, s settings) (err error) {
		options.Config, options.Origins = s.path, s.origins
		report, err = daemon.Backup(ctx, s.config, options, s.log)
		return err
	})
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; nothing was written")
	case err != nil:
		return err
	}
	return show(cmd, report, func(w io.Writer) {
		fmt.Fprintf(w, "FILE\tBYTES\tTABLES\tROWS\tLOG RECORDS\n")
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", dash(report.File), report.Bytes, report.Tables, report.Rows, report.Records)
	})
}

// newRestore makes a data directory of a backup.
func newRestore() *cobra.Command {
	var options daemon.RestoreOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make an empty data directory what it was when a backup was written",
		Long: `Restore reads all of a backup and compares it with its checksums; only then it
writes: the state database, and the log if the backup has it. The data directory
must be empty or missing, and so must be the database where database.url names
one; SQLite and PostgreSQL restore each other's backups. Start serve with the
same url as before; the old configuration lies in the data directory, as
backup-config.yaml and backup-settings.txt, and is not used.

The relay then is who it was: same key, same subscribers, same tokens. Positions
are those of the backup:

  with the log as it was, or a newer one, what came since is delivered again, which
  other servers recognise; readers find every post under the number that it had
  with an older log or none, subscribers and readers go on with what comes, and
  readers are told that something is missing
  with --log in the backup, the log is that of the backup

Either way new posts get numbers that nobody has seen. What was changed since the
backup is as it was: subscriptions, tokens, blocks.`,
		Example: `  tributary restore relay.backup --data /var/lib/tributary --dry-run
  tributary restore relay.backup --data /var/lib/tributary
  TRIBUTARY_DATABASE_URL=postgres://tributary@db/tributary tributary restore relay.backup --config /etc/tributary.yaml`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			options.Path = args[0]
			return restore(cmd, options)
		},
	}
	config.AddFlags(cmd.Flags(), "data", "url")
	cmd.Flags().BoolVar(&options.SkipLog, "skip-log", false, "leave out the log that the backup has: another one is there")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "verify the backup and the target, write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return cmd
}

func restore(cmd *cobra.Command, options daemon.RestoreOptions) error {
	options.Progress = secondsOf(cmd.ErrOrStderr())
	var report daemon.RestoreReport
	err := offline(cmd, func(ctx context.Context, s settings) (err error) {
		options.SaidURL = s.origins.Said("url")
		report, err = daemon.Restore(ctx, s.config, options, s.log)
		return err
	})
	if err != nil {
		return err
	}
	if err := show(cmd, report, func(w io.Writer) {
		fmt.Fprintf(w, "BACKUP OF\tWRITTEN\tBY\tTABLES\tROWS\tLOG RECORDS\n")
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\n", report.URL, when(report.Created), report.Program, report.Tables, report.Rows, report.Records)
	}); err != nil {
		return err
	}
	if !options.DryRun {
		fmt.Fprintf(cmd.ErrOrStderr(), "Done. Start serve with --url %s\n", report.URL)
	}
	return nil
}

// secondsOf prints at most a line each second.
func secondsOf(w io.Writer) func(daemon.Progress) {
	last := time.Now()
	return func(p daemon.Progress) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(w, "%s: %d of %d\n", p.Step, p.Done, p.Total)
		}
	}
}
