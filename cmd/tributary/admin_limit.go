package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/relay/admin"
)

func newLimitCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "limit",
		Short:   "What single servers may give, where relay.posts_per_minute and relay.body_max do not fit",
		Example: "  tributary admin limit set big.example --posts-per-minute 600",
	}, newLimitSetCommand(), newLimitRemoveCommand(), newLimitListCommand())
}

func newLimitSetCommand() *cobra.Command {
	var request admin.Limit
	var posts int
	var body config.Bytes
	cmd := &cobra.Command{
		Use:   "set DOMAIN",
		Short: "Say how many posts a minute, and how large ones, the servers of a domain may give",
		Long: `Say how many posts a minute, and how large ones, the servers of a domain may
give, more or less than all others. It holds for the domain and those below it, each
server counted by itself, and replaces what was said of the domain before; what is
not said is as for all. Deletions are always taken.`,
		Example: `  tributary admin limit set big.example --posts-per-minute 600
  tributary admin limit set noisy.example --posts-per-minute 10 --body 16KiB --note "asked twice"
  tributary admin limit set trusted.example --posts-per-minute 0`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Domain = args[0]
			if cmd.Flags().Changed("posts-per-minute") {
				request.PostsPerMinute = &posts
			}
			if cmd.Flags().Changed("body") {
				n := int(body)
				request.BodyMax = &n
			}
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			set, err := client.SetLimit(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, set, func(w io.Writer) {
				fmt.Fprintf(w, "%s may give: posts a minute %s, bytes of one %s\n", set.Domain, postsOf(set), bodyOf(set))
			})
		},
	}
	cmd.Flags().IntVar(&posts, "posts-per-minute", 0, "posts, edits and boosts in a minute; 0: no limit (default: as for all)")
	cmd.Flags().Var(&body, "body", "size of one, from 4KiB to 256KiB (default: as for all)")
	cmd.Flags().StringVar(&request.Note, "note", "", "your own note; nobody else reads it")
	return cmd
}

// postsOf and bodyOf are the cells of a limit.
func postsOf(l admin.Limit) string {
	switch {
	case l.PostsPerMinute == nil:
		return "as all"
	case *l.PostsPerMinute == 0:
		return "no limit"
	}
	return strconv.Itoa(*l.PostsPerMinute)
}

func bodyOf(l admin.Limit) string {
	if l.BodyMax == nil {
		return "as all"
	}
	return config.Bytes(*l.BodyMax).String()
}

func newLimitRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove DOMAIN",
		Short:   "Let what holds for all hold for a domain",
		Example: "  tributary admin limit remove noisy.example",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			if err := client.RemoveLimit(cmd.Context(), args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"removed": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s may give what all may\n", args[0]) })
		},
	}
}

func newLimitListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the limits of single servers",
		Example: "  tributary admin limit list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			list, err := client.ListLimits(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, list, func(w io.Writer) {
				fmt.Fprintln(w, "DOMAIN\tPOSTS/MIN\tBODY\tSINCE\tNOTE")
				for _, l := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Domain, postsOf(l), bodyOf(l), when(l.Created), dash(l.Note))
				}
			})
		},
	}
}
