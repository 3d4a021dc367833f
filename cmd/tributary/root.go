package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tributary/cmd/internal/config"
)

func newRoot() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "tributary",
		Short: "A relay and timeline aggregator for the fediverse",
		Long: `Tributary is a relay and timeline aggregator for the fediverse (ActivityPub):
servers subscribe to it, their public posts flow into one log, and from there to
the other servers, to live streams, and into an index for timelines and search.`,
		Example: `  tributary serve --dev
  tributary admin token create --scope read
  tributary config example > tributary.yaml
  tributary config check --config tributary.yaml`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}, newServe(), newAdminCommand(), newQuery(), newLog(), newBackup(), newRestore(), newImport(), newConfig(), newVersion(), newBroker(), newEngine(), newSigner())
	inGroups(root)
	root.SetVersionTemplate("tributary {{.Version}}\n")
	root.SetFlagErrorFunc(suggestFlag)
	return root
}

// inGroups sorts the commands by who needs them; one that is not named here stands below.
func inGroups(root *cobra.Command) {
	for _, g := range []struct {
		id, title string
		commands  []string
	}{
		{"run", "Run a relay:", []string{"config", "serve"}},
		{"operate", "Operate it:", []string{"admin", "backup", "import", "log", "query", "restore"}},
		{"parts", "Parts of it, which serve starts by itself:", []string{"broker", "engine", "signer"}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range root.Commands() {
			if slices.Contains(g.commands, cmd.Name()) {
				cmd.GroupID = g.id
			}
		}
	}
}

// group makes parent hold commands. Alone it prints its help; an unknown command fails with the
// nearest known one, which cobra itself does for the root only.
func group(parent *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	parent.AddCommand(commands...)
	parent.Args = suggestCommand
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return parent
}

func suggestCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("%s has no command %q: did you mean %s? See %s --help",
		cmd.CommandPath(), args[0], config.Nearest(args[0], names), cmd.CommandPath())
}

func suggestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w. See %s --help", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	name := strings.TrimLeft(unknown.GetSpecifiedName(), "-")
	return fmt.Errorf("%s has no flag --%s: did you mean --%s? See %s --help",
		cmd.CommandPath(), name, config.Nearest(name, names), cmd.CommandPath())
}

// noArgs is cobra.NoArgs in words that fit a command without commands.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and was given %q. See %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}
