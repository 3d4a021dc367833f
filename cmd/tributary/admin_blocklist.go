package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newBlockImportCommand() *cobra.Command {
	var request admin.BlockListRequest
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Block the domains of a list: Mastodon's CSV, or one on each line; - reads standard input",
		Long: `Block the domains of a list, in one of two forms: a CSV as Mastodon exports it
(#domain,#severity,…), or one domain on each line. Domains that are blocked
already are passed over, and so are those that the list only silences.`,
		Example: `  tributary admin block import blocks.csv --dry-run
  tributary admin block import - --reason "list of our region" < domains.txt`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			list := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("the list cannot be read: %w", err)
				}
				defer f.Close() //nolint:errcheck // it was only read
				list = f
			}
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			result, err := client.ImportBlocks(cmd.Context(), request, list)
			if err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { blockListTable(w, result) })
		},
	}
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, where the list does not say; the blocked side and the public may read it")
	cmd.Flags().StringVar(&request.Note, "note", "", "your own note; nobody else reads it")
	cmd.Flags().BoolVar(&request.Silenced, "silenced", false, "block those too that the list silences only")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "say who would be affected, and change nothing")
	return cmd
}

func blockListTable(w io.Writer, r admin.BlockListResult) {
	verb := "blocked"
	if r.DryRun {
		verb = "would block"
	}
	fmt.Fprintf(w, "%s %s: %s, %s; %d known, %d milder, %s not read\n", verb, plural(len(r.Blocked), "domain"),
		plural(len(r.Subscribers), "subscription"), plural(r.Authors, "author"), r.Known, r.Milder, plural(len(r.Skipped), "line"))
	affectedTable(w, r.Subscribers, r.Hosts)
	skippedTable(w, r.Skipped)
}

// affectedTable names whom blocks of a list end, and what they withdraw of.
func affectedTable(w io.Writer, subscribers []admin.Subscriber, hosts []string) {
	for _, s := range subscribers {
		fmt.Fprintf(w, "subscriber\t%s\n", s.Actor)
	}
	for _, host := range hosts {
		fmt.Fprintf(w, "host\t%s\n", host)
	}
}

// skippedTable names the lines of a list that block nothing, and why.
func skippedTable(w io.Writer, lines []admin.SkippedLine) {
	for _, l := range lines {
		fmt.Fprintf(w, "line %d\t%q: %s\n", l.Line, l.Text, l.Why)
	}
}
