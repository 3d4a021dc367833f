// Command load puts load on a relay and reports what that cost. It speaks only
// public protocols: signed posts to the inbox, deliveries to its own subscribers,
// the streams.
//
//	load inbox    signed posts, as fast as they are answered
//	load relay    N subscribers, of whom some may be dead or slow; --table runs the matrix of deploy/bench/relay.md
//	load stream   N clients of the firehose and of Mastodon's streaming API
//	load flow     a steady rate through everything, with the time to each end
//	load day      a million posts through everything
//
// Each reports the rate, the processor time of the relay (the process and its
// children, from /proc) per post, delivery or frame, its own processor time apart,
// percentiles, and memory. Ctrl-C ends a run with the report of what was measured.
//
// It makes the servers that it plays on loopback addresses, so the relay must run
// with --dev on the same machine; with --program, load starts one on a temporary
// folder and ends it. Posts are signed before the clock starts: an RSA signature
// costs its sender more than the relay's whole answer.
//
//	main.go       commands
//	server.go     the relay under load
//	usage.go      what processes took, of /proc
//	report.go     what is printed
//	progress.go   the line while it runs
//	party.go      hosts with actors, who follow and are delivered to
//	authority.go  their certificates
//	sign.go       their signatures
//	posts.go      what they post
//	wire.go       requests sent as prepared bytes
//	sink.go       subscribers who count
//	inbox.go relay.go table.go stream.go clients.go flow.go search.go day.go   the commands
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use: "load", Short: "Put load on a relay and report what that cost", SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newFlow(), newInbox(), newRelay(), newStream(), newDay())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
