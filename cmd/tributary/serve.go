package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/cmd/internal/daemon"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the relay: broker, inbox, deliveries and streams in one program",
		Long: `Serve runs everything that is not configured to be elsewhere: an embedded broker
in a child process, the state database in a file, the relay and the streams.
Ready means that /readyz on the debug listener answers 200.`,
		Example: `  tributary serve --dev
  tributary serve --url https://relay.example --listen 127.0.0.1:8080
  tributary serve --config /etc/tributary.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd) },
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func serve(cmd *cobra.Command) error {
	cfg, _, err := config.Load(config.FromFlags(cmd.Flags(), os.Environ()))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := newLogger(cfg.Log)
	d, err := daemon.Build(ctx, cfg, version(), log)
	if err != nil {
		return err
	}
	d.Greet(cmd.OutOrStdout())
	context.AfterFunc(ctx, func() {
		log.Info("stopping; a second signal ends at once")
		stop()
	})
	return d.Run(ctx)
}

// newLogger writes to standard error, as level and format say.
func newLogger(c config.Log) *slog.Logger {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.Level)) // checked by config
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
