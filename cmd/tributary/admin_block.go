package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newBlockCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "block",
		Short:   "Domains, actors and software that may give the relay nothing",
		Example: "  tributary admin block add spam.example --reason spam --dry-run",
	}, newBlockAddCommand(), newBlockImportCommand(), newBlockRemoveCommand(), newBlockListCommand(),
		newBlockSubscribeCommand(), newBlockSubscriptionsCommand(), newBlockRefreshCommand(), newBlockUnsubscribeCommand())
}

func newBlockAddCommand() *cobra.Command {
	var request admin.BlockRequest
	cmd := &cobra.Command{
		Use:   "add DOMAIN|ACTOR|software NAME",
		Short: "Refuse a domain with its subdomains, an actor, or a software; subscriptions end and posts are withdrawn",
		Long: `Refuse a domain with its subdomains, or an actor: their subscriptions end, what is
here of them is withdrawn, and nothing more is taken.

software NAME refuses the servers that run it: those that are subscribed are told by
a Reject, and who follows is asked first what it runs. That is their own word
(NodeInfo), so it keeps nobody out who lies, a server that does not say is let in
until it does, and nothing is withdrawn: posts that are here stay, deletions are
taken. A server that runs something else an hour later may follow again.
subscribers list shows what the subscribers run.`,
		Example: `  tributary admin block add spam.example --reason spam --note "seen on Monday" --dry-run
  tributary admin block add https://social.example/users/spammer
  tributary admin block add software spamware --reason "floods relays" --dry-run`,
		Args: blockArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Scope, request.Key = blockOf(args)
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.AddBlock(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { blockTable(w, result) })
		},
	}
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why; the blocked side and the public may read it")
	cmd.Flags().StringVar(&request.Note, "note", "", "your own note; nobody else reads it")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say who would be affected, and change nothing")
	return cmd
}

// blockArgs demands a domain, an actor, or software with a name.
func blockArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 2 && args[0] == admin.ScopeSoftware {
		return nil
	}
	if len(args) == 2 {
		return fmt.Errorf("%s takes a domain, an actor, or software and a name, and was given %q and %q. See %s --help", cmd.CommandPath(), args[0], args[1], cmd.CommandPath())
	}
	return oneArg(cmd, args)
}

func blockOf(args []string) (scope, key string) {
	if len(args) == 2 {
		return args[0], args[1]
	}
	return "", args[0]
}

func blockTable(w io.Writer, result admin.BlockResult) {
	verb := "blocked"
	if result.DryRun {
		verb = "would block"
	}
	fmt.Fprintf(w, "%s %s %s: %s, %s\n", verb, result.Scope, result.Key,
		plural(len(result.Subscribers), "subscription"), plural(result.Authors, "author"))
	for _, host := range result.Hosts {
		fmt.Fprintf(w, "host\t%s\n", host)
	}
	for _, s := range result.Subscribers {
		fmt.Fprintf(w, "subscriber\t%s\n", s.Actor)
	}
}

func newBlockRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove DOMAIN|ACTOR|software NAME",
		Short: "Let a domain, an actor or a software in again; what was withdrawn stays so",
		Example: `  tributary admin block remove spam.example
  tributary admin block remove software spamware`,
		Args: blockArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			scope, key := blockOf(args)
			if err := client.RemoveBlock(cmd.Context(), scope, key); err != nil {
				return err
			}
			return show(cmd, map[string]string{"unblocked": key}, func(w io.Writer) { fmt.Fprintf(w, "%s is not blocked any more\n", key) })
		},
	}
}

func newBlockListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the blocks",
		Example: "  tributary admin block list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			blocks, err := client.Blocks(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, blocks, func(w io.Writer) {
				fmt.Fprintln(w, "SCOPE\tKEY\tSINCE\tREASON\tNOTE\tLIST")
				for _, b := range blocks {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Scope, b.Key, when(b.Created), dash(b.Reason), dash(b.Note), dash(b.List))
				}
			})
		},
	}
}
