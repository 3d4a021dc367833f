package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newTokenCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "token",
		Short:   "Tokens that open streams and queries",
		Example: "  tributary admin token create --scope read",
	}, newTokenCreateCommand(), newTokenListCommand(), newTokenRevokeCommand())
}

func newTokenCreateCommand() *cobra.Command {
	var request admin.TokenRequest
	var ttl string
	cmd := &cobra.Command{
		Use:     "create --scope SCOPE",
		Short:   "Make a token and print it, alone on the last line; it is shown only now",
		Example: "  tributary admin token create --scope read --name dashboard --ttl 90d",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			life, err := parseLife("ttl", ttl)
			if err != nil {
				return err
			}
			request.TTLSeconds = int64(life / time.Second)
			return createToken(cmd, request)
		},
	}
	cmd.Flags().StringSliceVar(&request.Scopes, "scope", nil, "what the token opens: read, read:statuses, admin; may be given several times")
	cmd.Flags().StringVar(&request.Name, "name", "", "what it is for, in your words")
	cmd.Flags().StringVar(&ttl, "ttl", "", "how long it lives, for example 12h or 90d (default: until it is revoked)")
	_ = cmd.MarkFlagRequired("scope") // fails only for a flag that does not exist
	return cmd
}

func createToken(cmd *cobra.Command, request admin.TokenRequest) error {
	client, err := adminClient(cmd)
	if err != nil {
		return err
	}
	created, err := client.CreateToken(cmd.Context(), request)
	if err != nil {
		return err
	}
	return show(cmd, created, func(w io.Writer) {
		t := created.Token
		fmt.Fprintf(w, "token %s with %s, %s\n", t.ID, strings.Join(t.Scopes, " "), lifetime(t.Expires))
		fmt.Fprintln(w, created.Secret)
	})
}

func lifetime(expires time.Time) string {
	if expires.IsZero() {
		return "until it is revoked"
	}
	return "until " + when(expires)
}

var errLife = errors.New("not a length of time such as 12h or 90d")

// parseLife reads a duration, in days too.
func parseLife(flag, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n <= 0 || n > 36500 {
			return 0, fmt.Errorf("--%s %q: %w", flag, s, errLife)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("--%s %q: %w", flag, s, errLife)
	}
	return d, nil
}

func newTokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their secrets",
		Example: "  tributary admin token list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			tokens, err := client.ListTokens(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, tokens, func(w io.Writer) {
				fmt.Fprintln(w, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tUSED")
				for _, t := range tokens {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, dash(t.Name), strings.Join(t.Scopes, " "), when(t.Created), when(t.Expires), when(t.Used))
				}
			})
		},
	}
}

func newTokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a token by its id",
		Example: "  tributary admin token revoke 1f0c9a77d2",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			if err := client.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "token %s is revoked\n", args[0]) })
		},
	}
}
