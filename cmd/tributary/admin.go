package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/relay/admin"
)

// newAdminCommand is what an operator asks of a running relay, through the
// socket in its data directory.
func newAdminCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "admin",
		Short: "Operate a running relay: tokens, subscribers, blocks, figures",
		Long: `What an operator asks of a running relay. The command finds it by its data
directory, where serve listens on a socket that only its own user can open.`,
		Example: `  tributary admin token create --scope read
  tributary admin --data /var/lib/tributary subscribers list`,
	}, newTokenCommand(), newSubscribersCommand(), newAllowCommand(), newBlockCommand(), newSourcesCommand(), newQuarantineCommand(), newLimitCommand(), newStatsCommand())
	config.AddFlags(cmd.PersistentFlags(), "data")
	cmd.PersistentFlags().Bool("json", false, "print JSON instead of a table")
	return cmd
}

// oneArg demands the argument that the command's usage names.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one argument, and was given %d. See %s --help", cmd.UseLine(), len(args), cmd.CommandPath())
	}
	return nil
}

// adminClient asks the relay of the data directory that flags, environment and file name.
func adminClient(cmd *cobra.Command) (*admin.Client, error) {
	cfg, _, err := config.Load(config.FromFlags(cmd.Flags(), os.Environ()))
	if err != nil {
		return nil, err
	}
	return admin.Dial(cfg.Data), nil
}

// show prints a value as JSON if that was asked for, else as a table.
func show(cmd *cobra.Command, value any, table func(w io.Writer)) error {
	out := cmd.OutOrStdout()
	asJSON, err := cmd.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// when is a time in a table.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// dash stands for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// plural is "1 server", "2 servers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
