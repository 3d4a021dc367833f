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
		Short:   "Domains and actors that may give the relay nothing",
		Example: "  tributary admin block add spam.example --reason spam --dry-run",
	}, newBlockAddCommand(), newBlockImportCommand(), newBlockRemoveCommand(), newBlockListCommand())
}

func newBlockAddCommand() *cobra.Command {
	var request admin.BlockRequest
	cmd := &cobra.Command{
		Use:   "add DOMAIN|ACTOR",
		Short: "Refuse a domain with its subdomains, or an actor; subscriptions end and posts are withdrawn",
		Example: `  tributary admin block add spam.example --reason spam --note "seen on Monday" --dry-run
  tributary admin block add https://social.example/users/spammer`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Key = args[0]
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
		Use:     "remove DOMAIN|ACTOR",
		Short:   "Let a domain or an actor in again; what was withdrawn stays so",
		Example: "  tributary admin block remove spam.example",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			if err := client.RemoveBlock(cmd.Context(), args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"unblocked": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s is not blocked any more\n", args[0]) })
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
				fmt.Fprintln(w, "SCOPE\tKEY\tSINCE\tREASON\tNOTE")
				for _, b := range blocks {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", b.Scope, b.Key, when(b.Created), dash(b.Reason), dash(b.Note))
				}
			})
		},
	}
}
