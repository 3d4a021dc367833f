// Command demo shows Tributary at work: a relay, a simulated fediverse of some fifty
// servers around it, and what happens between them, live in the terminal.
//
//	make demo
//	make demo DEMO="--servers 100 --rate 20"
//
// The relay is bin/tributary, started with `serve --dev` as a child. Not the same graph
// inside this program: what is shown is what an operator gets, its processor time and
// its memory are its own and not those of fifty servers, and a `kill -9` of its broker
// from another terminal shows what it would show in earnest. The servers around it are
// relay/simulator's, over real HTTP on loopback: most good, some slow, dead, lying,
// flooding; some post without having subscribed; now and then a good one goes away and
// comes back.
//
// What is shown was learned as anybody could: posts from the firehose, figures from the
// metrics, subscribers from the operator's socket. Only what a server is in truth (its
// software, its nature) comes from the simulation.
//
// # Invariants
//
//   - What strangers write reaches the terminal only through printable, as characters
//     that have a shape; a line holds no control character besides our own. No row is
//     wider than the window, as far as terminals agree about widths.
//   - When run returns nothing of it is left: no process, no goroutine, no folder unless
//     --keep, and the terminal is as it was. The first Ctrl-C ends in good order, the
//     second at once. Should this program be killed, the kernel ends the relay (Linux).
//   - Memory is bounded over a long show, apart from what the simulated servers remember
//     of their own posts.
//
// # What it does not do
//
// It checks nothing: that is cmd/internal/e2e's. It measures nothing that is worth
// writing down: that is cmd/load's, as here fifty servers share the processors with the
// relay. It is not part of a release.
//
// # Files
//
//	main.go      the command line, signals
//	demo.go      what is started, in which order, and how it ends
//	program.go   the relay as a child;  family_*.go  that no orphan is left
//	world.go     the servers around it
//	firehose.go  posts;  metrics.go  figures
//	model.go     what was learned;  view.go  what is to be shown of it
//	render.go    a view as rows;  line.go  a row;  number.go, text.go  what is in it
//	screen.go    the terminal: rows that changed, keys, resizing
//	plain.go     lines, without a terminal
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, hurry, end := signals()
	err := newCommand(hurry, end).ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+strings.TrimPrefix(err.Error(), "demo: "))
		os.Exit(1)
	}
}

// signals gives a context that ends with the first signal, and one that ends with the
// second. end is a signal of our own.
func signals() (ctx, hurry context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	hurry, now := context.WithCancel(context.Background())
	signal.Ignore(syscall.SIGPIPE) // printing fails instead, when nobody reads the lines any more
	came := make(chan os.Signal, 2)
	signal.Notify(came, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // lives as long as the process
		<-came
		cancel()
		<-came
		now()
	}()
	return ctx, hurry, cancel
}

func newCommand(hurry context.Context, end func()) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show Tributary at work among simulated servers",
		Long: `Starts a relay (bin/tributary serve --dev) and a simulated fediverse around it, and
shows in the terminal what happens: rates, distances, deliveries, the newest posts,
and where to point a client. Without a terminal, with NO_COLOR or TERM=dumb it prints
a line every few seconds.

Ctrl-C ends all of it and removes its folder; Ctrl-C again ends it at once.`,
		Example: `  make demo
  make demo DEMO="--servers 100 --rate 20"
  bin/tributary-demo --duration 30s --plain
  bin/tributary-demo --seed 7 --keep`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			var d display = lines{out: os.Stdout, every: o.lineEvery()}
			if !o.plain && isTerminal(os.Stdout) {
				d = &screen{out: os.Stdout, end: end}
			}
			return run(cmd.Context(), hurry, o, d, os.Stdout)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w. See --help", err) })
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.servers, "servers", 50, "servers around the relay")
	flags.Float64Var(&o.rate, "rate", 5, "posts a second, of all of them together; each is delivered to every subscriber")
	flags.DurationVar(&o.duration, "duration", 0, "how long it goes on, such as 30s; 0: until Ctrl-C")
	flags.Uint64Var(&o.seed, "seed", 1, "another seed, other servers and posts")
	flags.BoolVar(&o.keep, "keep", false, "keep the relay's data, and say where")
	flags.BoolVar(&o.plain, "plain", false, "print lines, also on a terminal")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "where the relay listens; if it is taken, on any free port")
	flags.StringVar(&o.program, "program", "", "the relay's program (default: tributary beside this one, or in bin)")
	return cmd
}

// validate refuses what cannot be shown.
func (o options) validate() error {
	switch {
	case o.servers < 1 || o.servers > 1000:
		return errors.New("demo: --servers must be between 1 and 1000: each has a port of its own")
	case !(o.rate > 0 && o.rate <= 1000):
		return errors.New("demo: --rate must be above 0, and at most 1000: cmd/load is for more")
	case o.duration < 0:
		return errors.New("demo: --duration must not be negative")
	}
	return nil
}

// lineEvery is the time between two plain lines.
func (o options) lineEvery() time.Duration {
	if o.duration > 0 && o.duration <= 30*time.Second {
		return time.Second
	}
	return 5 * time.Second
}
