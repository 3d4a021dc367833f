package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newSourcesCommand() *cobra.Command {
	request := admin.SourcesRequest{}
	cmd := &cobra.Command{
		Use:   "sources [HOST]",
		Short: "Servers that give posts: what was taken of each, what was refused and why",
		Long: `Servers that give posts: what was taken of each, what was refused and why, since
this node started. It is counted in memory, for the servers that gave something
last, and not saved; each of several nodes counts what came to it.

BAD SIGNATURES are requests in the name of a server that it need not have sent.`,
		Example: `  tributary admin sources --sort refused --limit 20
  tributary admin sources social.example --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return oneArg(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				request.Host = args[0]
			}
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			page, err := client.Sources(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, page, func(w io.Writer) { sourcesTable(w, page) })
		},
	}
	cmd.Flags().StringVar(&request.Sort, "sort", admin.SourceOrders[0], "order: "+strings.Join(admin.SourceOrders, ", "))
	cmd.Flags().IntVar(&request.Limit, "limit", 50, "servers to show; 0: all")
	cmd.Flags().IntVar(&request.Offset, "offset", 0, "servers to pass over")
	return cmd
}

func sourcesTable(w io.Writer, page admin.SourcesPage) {
	fmt.Fprintln(w, "HOST\tGRANT\tACCEPTED\tREFUSED\tPOSTS/MIN\tBYTES\tBAD SIGNATURES\tLAST\tREFUSED FOR")
	for _, s := range page.Sources {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.0f\t%d\t%d\t%s\t%s\n", s.Host, s.Grant, s.Accepted, s.Refused, s.PostsLast, s.Bytes, s.BadSignatures,
			when(s.Last), dash(counts(s.RefusedFor)))
	}
	if shown := len(page.Sources); shown < page.Total {
		fmt.Fprintf(w, "%d to %d of %s; --offset shows others\n", page.Offset+min(1, shown), page.Offset+shown, plural(page.Total, "server"))
	}
	fmt.Fprintf(w, "counted by this node since %s\n", when(page.Since))
}

// counts is "blocked 3, no_grant 1".
func counts(by map[string]int64) string {
	parts := make([]string, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, by[name]))
	}
	return strings.Join(parts, ", ")
}
