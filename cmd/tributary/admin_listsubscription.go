package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newBlockSubscribeCommand() *cobra.Command {
	var request admin.ListRequest
	var every string
	cmd := &cobra.Command{
		Use:   "subscribe URL",
		Short: "Block the domains of a list, and what it will say: it is fetched again and again",
		Long: `Block the domains of a list, in one of the forms that block import reads, and fetch
it again and again: what is new in it is blocked, and what has left it is let in again,
unless another list or a block of your own says otherwise. Your own blocks are never
changed by a list, and what you allowed (tributary admin allow) no list blocks, nor
this relay itself, nor a whole top-level domain.

A list that is empty, broken or less than half as long as before is not applied:
block subscriptions says so, and block refresh --force confirms it.
The same command again changes --every, --as-reason and --silenced.`,
		Example: `  tributary admin block subscribe https://lists.example/worst.csv --dry-run
  tributary admin block subscribe https://lists.example/worst.csv --every 12h --as-reason "list of our region"`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			life, err := parseEvery(every)
			if err != nil {
				return err
			}
			request.URL, request.EverySeconds = args[0], int64(life/time.Second)
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.SubscribeList(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { listResultTable(w, result) })
		},
	}
	cmd.Flags().StringVar(&every, "every", "24h", "how often it is fetched, for example 12h or 7d")
	cmd.Flags().StringVar(&request.Reason, "as-reason", "", "why, where the list does not say; the blocked side and the public may read it")
	cmd.Flags().BoolVar(&request.Silenced, "silenced", false, "block those too that the list silences only")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say who would be affected, and change nothing")
	return cmd
}

// parseEvery reads how often, in days too.
func parseEvery(s string) (time.Duration, error) {
	d, err := parseLife("every", s)
	if err == nil && d == 0 {
		err = fmt.Errorf("--every %q: %w", s, errLife)
	}
	return d, err
}

func newBlockRefreshCommand() *cobra.Command {
	var request admin.ListRequest
	cmd := &cobra.Command{
		Use:   "refresh URL",
		Short: "Fetch a subscribed list now; --force applies one that shrank",
		Example: `  tributary admin block refresh https://lists.example/worst.csv --dry-run
  tributary admin block refresh https://lists.example/worst.csv --force`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.URL = args[0]
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.RefreshList(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { listResultTable(w, result) })
		},
	}
	cmd.Flags().BoolVar(&request.Force, "force", false, "apply it even if it is much shorter than before")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say what would change, and change nothing")
	return cmd
}

func listResultTable(w io.Writer, r admin.ListResult) {
	verb := "the list blocks"
	if r.DryRun {
		verb = "the list would block"
	}
	fmt.Fprintf(w, "%s %s: %d added, %d removed; %s, %s; %d milder, %s passed over\n", verb, plural(r.Domains, "domain"), len(r.Added), len(r.Removed),
		plural(len(r.Subscribers), "subscription"), plural(r.Authors, "author"), r.Milder, plural(len(r.Skipped), "line"))
	affectedTable(w, r.Subscribers, r.Hosts)
	for _, domain := range r.Removed {
		fmt.Fprintf(w, "removed\t%s\n", domain)
	}
	skippedTable(w, r.Skipped)
}

func newBlockSubscriptionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "subscriptions",
		Short:   "List the subscribed block-lists, what came of them, and the last error",
		Example: "  tributary admin block subscriptions",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			lists, err := client.Lists(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, lists, func(w io.Writer) {
				fmt.Fprintln(w, "URL\tDOMAINS\tADDED\tREMOVED\tCHANGED\tCHECKED\tNEXT\tEVERY\tFAILURES\tLAST ERROR")
				for _, l := range lists {
					fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%s\n", l.URL, l.Domains, l.Added, l.Removed, when(l.Changed), when(l.Checked), when(l.Next),
						time.Duration(l.EverySeconds)*time.Second, l.Failures, dash(l.LastError))
				}
			})
		},
	}
}

func newBlockUnsubscribeCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "unsubscribe URL",
		Short: "End the subscription to a list: what it alone blocked is let in again, or kept",
		Example: `  tributary admin block unsubscribe https://lists.example/worst.csv
  tributary admin block unsubscribe https://lists.example/worst.csv --keep`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.UnsubscribeList(cmd.Context(), args[0], keep)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) {
				fmt.Fprintf(w, "unsubscribed %s: it blocked %s, %d are your own blocks now\n", result.URL, plural(len(result.Removed), "domain"), result.Kept)
			})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "make what it blocked blocks of your own")
	return cmd
}
