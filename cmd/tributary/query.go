package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/relay/admin"
)

// sqlMax bounds a statement that is read from standard input.
const sqlMax = 32 << 10

// newQuery runs SQL over the index, for whoever may open the admin socket.
func newQuery() *cobra.Command {
	var request admin.QueryRequest
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Run SQL over the index of the relay that runs with a data directory",
		Long: `Query asks the running relay, through the socket in its data directory, and
prints the result. Without SQL it reads the statement from standard input. Posts
are versioned rows: say FINAL, or deleted = 0 on the newest seq, for what counts.`,
		Example: `  tributary query "SELECT domain, count() FROM posts FINAL GROUP BY domain ORDER BY 2 DESC LIMIT 10"
  tributary query --format csv < report.sql > report.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if request.SQL, err = statement(cmd.InOrStdin(), args); err != nil {
				return err
			}
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			return client.Query(cmd.Context(), request, cmd.OutOrStdout())
		},
	}
	config.AddFlags(cmd.Flags(), "data")
	cmd.Flags().StringVar(&request.Format, "format", "table", "table, json (an object a line) or csv")
	return cmd
}

func statement(in io.Reader, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(in, sqlMax+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the statement: %w", err)
	case len(b) > sqlMax:
		return "", fmt.Errorf("the statement is longer than %d bytes", sqlMax)
	case strings.TrimSpace(string(b)) == "":
		return "", errors.New("query needs a statement. See tributary query --help")
	}
	return string(b), nil
}
