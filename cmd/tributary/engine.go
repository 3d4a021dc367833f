package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"tributary/index/engine"
	"tributary/ingest/child"
)

// newEngine is the embedded ClickHouse: serve starts it as its child.
func newEngine() *cobra.Command {
	var options engine.Options
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Run the embedded ClickHouse alone (serve starts it by itself)",
		Long: `Engine makes the data directory and the socket ready, gives up every right that
ClickHouse does not need, and becomes bin/tributary-engine, which loads libchdb.so.
Any client of ClickHouse's HTTP interface can use the socket, or with --listen the
port, whose clients must bring the name and the password of --credentials.`,
		Example: `  tributary engine --dir data/engine --socket data/engine.sock
  curl --unix-socket data/engine.sock http://engine/ -d 'SELECT version()'
  tributary engine --dir data/engine --listen 127.0.0.1:8123 --credentials FILE`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Dir == "" || options.Socket == "" && options.Listen == "" {
				return errors.New("engine needs --dir, and --socket or --listen")
			}
			ctx, stop := child.Context(cmd.Context())
			defer stop()
			options.Log = child.Logger(slog.LevelInfo)
			return engine.Run(ctx, options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.Dir, "dir", "", "folder of the data")
	flags.StringVar(&options.Socket, "socket", "", "unix socket to listen on")
	flags.StringVar(&options.Listen, "listen", "", "loopback address to listen on in place of a socket, host:port; not encrypted")
	flags.BoolVar(&options.Anywhere, "anywhere", false, "let --listen be an address that other machines reach")
	flags.StringVar(&options.Credentials, "credentials", "", "file with USER:PASSWORD that clients of --listen must send")
	flags.StringVar(&options.Library, "library", "", "path of libchdb.so (default: where make engine-lib puts it)")
	flags.StringVar(&options.Binary, "binary", "", "path of tributary-engine (default: beside tributary)")
	flags.StringVar(&options.Readable, "readable", "", "database that the role ro may read (default tributary)")
	flags.Int64Var(&options.Memory, "memory", 0, "bytes that ClickHouse may allocate; 0: 700 MiB")
	flags.IntVar(&options.Merges, "merges", 0, "threads that merge parts; 0: 2")
	flags.IntVar(&options.Sessions, "sessions", 0, "statements that run at once; 0: 16")
	flags.DurationVar(&options.LockWait, "lock-wait", 0, "wait for an engine that still uses the folder; 0: 10s")
	return cmd
}
