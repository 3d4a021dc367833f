package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
)

// settings are what the commands work with that open a relay's data without serving it.
type settings struct {
	config  config.Config
	origins config.Origins
	path    string // of the configuration file, "" without one
	log     *slog.Logger
}

// offline runs such a command with the configuration, until it is done or a signal asks
// it to end.
func offline(cmd *cobra.Command, run func(context.Context, settings) error) error {
	in := config.FromFlags(cmd.Flags(), os.Environ())
	cfg, origins, err := config.Load(in)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, settings{cfg, origins, in.Path(), newLogger(cfg.Log)})
}
