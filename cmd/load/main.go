// Command load puts load on a running relay and reports what it saw. It speaks
// only public protocols: signed posts to the inbox, deliveries to its own
// subscribers, the firehose.
//
// It makes the servers that it plays on loopback addresses, so the relay must
// run with --dev on the same machine. What the senders cost (an RSA signature a
// post) is paid on the same processors: the report tells the server's own time
// apart.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := &cobra.Command{
		Use: "load", Short: "Put load on a running relay and report what it did", SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newFlow(), newInbox())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
