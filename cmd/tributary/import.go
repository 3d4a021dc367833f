package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/cmd/internal/config"
	"tributary/cmd/internal/daemon"
	"tributary/relay"
)

// newImport makes this relay the one that another program was, at the same address.
func newImport() *cobra.Command {
	var options daemon.ImportOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take the subscribers and the key of Activity-Relay, aoderelay or ActivityRelay",
		Long: `Import makes a relay the successor of one that ran another program at the same
address: with its subscribers, blocks and allowed domains, and with its key, so
that no server has to follow again. The address of the actor (/actor), its inbox
(/inbox) and the id of its key (/actor#main-key) are the same in all of them. The
url must be that of the old relay.

Whose files they are is found in them:

  Activity-Relay (yukimochi)
    relay control config export > export.json 2>&1; give it with --key the file
    that ACTOR_PEM names. Instead of the export, also what redis holds, which has
    those too that wait for approval:
      for k in $(redis-cli --scan --pattern 'relay:*'); do case $k in
        relay:config:*|relay:subscription:*|relay:follower:*|relay:pending:*)
          echo "$k"; redis-cli hgetall "$k";; esac; done > relay-redis.txt
    A redis dump (.rdb) is read by redis only: start one on it.
  aoderelay
    for list in connected blocked allowed; do curl -H "X-Api-Token: $API_TOKEN" \
      https://HOST/api/v1/admin/$list > $list.json; done; give all three files
    Its key lies in a sled database, which only sled reads: without --key
    subscribers refuse what we send until they fetch our new key, most of them by
    themselves. Its members' inboxes are fetched from their servers.
  ActivityRelay (pleroma's, barkshark's)
    relay.yaml, which names its SQLite database (the key is in it), or the database
    alone. With PostgreSQL give relay.yaml, and import says how to export it.

The relay must not run, for it holds its key in memory: with several nodes, none of
them. Old and new relay must not run at the same time. A subscription whose actor or
inbox was not kept is completed by fetching it; what is left out is named with the
reason. Posts start with those that come after the import. Servers that follow the
actor (Pleroma, Akkoma) are followed again when the relay starts, which they accept
by themselves. Domains that were limited have the role limited.

Import is one step: it is done as a whole or not at all, and a second time changes
nothing. What is here already stays as it is. If subscribers know another key than
the one that is imported, it stops, unless --replace-key says which one holds.`,
		Example: `  tributary import export.json --key actor.pem --url https://relay.example --dry-run
  tributary import connected.json blocked.json allowed.json --config /etc/tributary.yaml
  tributary import /opt/relay/relay.yaml --data /var/lib/tributary --url https://relay.example`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s takes the files of a relay, and was given none. See %s --help", cmd.UseLine(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			options.Paths = args
			return importRelay(cmd, options)
		},
	}
	config.AddFlags(cmd.Flags(), "data", "url")
	cmd.Flags().StringVar(&options.KeyPath, "key", "", "file with the private key of the other relay's actor: RSA, PEM, PKCS#1 or PKCS#8")
	cmd.Flags().BoolVar(&options.ReplaceKey, "replace-key", false, "replace a key that subscribers of this relay know")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "fetch what is missing, say what would be imported and what not, write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return cmd
}

func importRelay(cmd *cobra.Command, options daemon.ImportOptions) error {
	options.Progress, options.Program = secondsOf(cmd.ErrOrStderr()), version()
	var report daemon.ImportReport
	err := offline(cmd, func(ctx context.Context, s settings) (err error) {
		if !s.origins.Said("url") {
			return errors.New("say by --url, or in the configuration, what the address of the old relay is")
		}
		report, err = daemon.Import(ctx, s.config, options, s.log)
		return err
	})
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; nothing was written")
	case errors.Is(err, relay.ErrKeyKnown):
		return fmt.Errorf("%w; --replace-key replaces it, and they refuse what we send until they fetch the new one", err)
	case err != nil:
		return err
	}
	return show(cmd, report, func(w io.Writer) { importTable(w, report) })
}

func importTable(w io.Writer, r daemon.ImportReport) {
	verb := "imported from"
	if r.DryRun {
		verb = "would import from"
	}
	fmt.Fprintf(w, "%s %s for %s: %s, %s, %s; %d known, %d skipped\n", verb, r.From, r.URL, plural(len(r.Subscribers), "subscriber"),
		plural(len(r.Blocked), "block"), plural(len(r.Allowed), "allowed domain"), r.Known, len(r.Skipped))
	fmt.Fprintf(w, "key\t%s\n", keyLine(r))
	for _, s := range r.Subscribers {
		fmt.Fprintf(w, "subscriber\t%s\t%s, %s, %s\n", s.Actor, s.State, s.Style, s.Role)
	}
	for _, domain := range r.Blocked {
		fmt.Fprintf(w, "block\t%s\n", domain)
	}
	for _, domain := range r.Allowed {
		fmt.Fprintf(w, "allowed\t%s\n", domain)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "skipped\t%s\t%s\n", s.What, s.Why)
	}
}

// keyLine says what became of the key.
func keyLine(r daemon.ImportReport) string {
	switch {
	case r.Key == relay.KeyKept:
		return "none was given; unless the relay has the old one's already, subscribers refuse what it sends until they fetch its own: see --key"
	case r.KeyBits > 2048:
		return fmt.Sprintf("%s; %d bits: each delivery costs several times as much as with 2048", r.Key, r.KeyBits)
	}
	return string(r.Key)
}
