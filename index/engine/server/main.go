package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"

	"tributary/ingest/child"
)

// Main is the program tributary-engine, with its arguments: index/engine makes them, and opens the socket.
func Main(args []string, log *slog.Logger) error {
	if len(args) == 0 || args[0] != "serve" {
		return errors.New("`tributary engine` starts this program: see tributary engine --help")
	}
	o := Options{Log: log, Ready: child.Ready}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&o.Library, "library", "", "path of libchdb.so")
	flags.StringVar(&o.Dir, "dir", "", "data directory")
	flags.StringVar(&o.Config, "config", "", "path of config.xml")
	flags.IntVar(&o.Sessions, "sessions", 16, "statements at once")
	credentials := flags.Int("credentials", -1, "file descriptor of the credentials that requests must bring")
	listener := flags.Int("listener", -1, "file descriptor of the socket")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	f := os.NewFile(uintptr(*listener), "listener")
	if f == nil {
		return errors.New("no socket given")
	}
	ln, err := net.FileListener(f)
	f.Close()
	if err != nil {
		return fmt.Errorf("taking the socket over: %w", err)
	}
	o.Listener = ln
	if *credentials >= 0 {
		if o.Credentials, err = readCredentials(os.NewFile(uintptr(*credentials), "credentials")); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	ctx, stop := child.Context(context.Background())
	defer stop()
	return Run(ctx, o)
}
