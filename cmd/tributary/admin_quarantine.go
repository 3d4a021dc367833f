package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newQuarantineCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "quarantine",
		Short:   "Servers that gave more posts a minute than they may, and are left out for a while",
		Example: "  tributary admin quarantine list",
	}, newQuarantineListCommand(), newQuarantineReleaseCommand())
}

func newQuarantineListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the servers that are left out",
		Example: "  tributary admin quarantine list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			list, err := client.ListQuarantine(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, list, func(w io.Writer) {
				fmt.Fprintln(w, "HOST\tSINCE\tUNTIL\tREFUSED")
				for _, q := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", q.Host, when(q.Since), when(q.Until), q.Refused)
				}
			})
		},
	}
}

func newQuarantineReleaseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "release HOST",
		Short:   "Let a server in again at once",
		Example: "  tributary admin quarantine release social.example",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			if err := client.Release(cmd.Context(), args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"released": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s is let in again\n", args[0]) })
		},
	}
}
