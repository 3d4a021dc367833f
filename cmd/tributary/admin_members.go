package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/relay"
	"tributary/relay/admin"
)

func newSubscribersApproveCommand() *cobra.Command {
	return newSubscribersChangeCommand("approve", &cobra.Command{
		Use:     "approve HOST|ACTOR",
		Short:   "Accept subscriptions that wait or were rejected",
		Example: "  tributary admin subscribers approve social.example",
	})
}

func newSubscribersRejectCommand() *cobra.Command {
	return newSubscribersChangeCommand("reject", &cobra.Command{
		Use:     "reject HOST|ACTOR",
		Short:   "Refuse subscriptions, or end them, and every later Follow of theirs",
		Example: "  tributary admin subscribers reject social.example",
	})
}

func newSubscribersPauseCommand() *cobra.Command {
	return newRoleCommand(relay.RolePaused, &cobra.Command{
		Use:     "pause HOST|ACTOR",
		Short:   "Send a member nothing and take nothing of it, until it is resumed",
		Example: "  tributary admin subscribers pause social.example",
	})
}

func newSubscribersResumeCommand() *cobra.Command {
	return newSubscribersChangeCommand("resume", &cobra.Command{
		Use:     "resume HOST|ACTOR",
		Short:   "Go on with a member that you or the relay paused, from where it stood as far as the log reaches",
		Example: "  tributary admin subscribers resume social.example",
	})
}

func newRoleCommand(role relay.Role, cmd *cobra.Command) *cobra.Command {
	cmd.Args = oneArg
	topic := topicFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return changeSubscriber(cmd, admin.SubscriberChange{Key: args[0], Topic: *topic, Action: "role", Role: string(role)})
	}
	return cmd
}

func newSubscribersChangeCommand(action string, cmd *cobra.Command) *cobra.Command {
	cmd.Args = oneArg
	topic := topicFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return changeSubscriber(cmd, admin.SubscriberChange{Key: args[0], Topic: *topic, Action: action})
	}
	return cmd
}

func newSubscribersRoleCommand() *cobra.Command {
	var topic *string
	cmd := &cobra.Command{
		Use:   "role HOST|ACTOR ROLE",
		Short: "Say what a member may do: both, publish, receive, limited or paused",
		Long: `Say what a member may do:

  both     its posts are passed on, and it gets those of others
  publish  its posts are passed on; it gets none
  receive  it gets posts; its own are refused, so that nothing of them is here
  limited  it gets posts; its own are taken, and shown and counted here as far as their
           authors agree, but not passed on to members. What it passes on of others is
           ignored, and one that follows the actor is not followed back. All of its
           host is limited, also who follows later
  paused   neither; when it goes on, it goes on from where it stood`,
		Example: "  tributary admin subscribers role big.example publish",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%s takes two arguments, and was given %d. See %s --help", cmd.UseLine(), len(args), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeSubscriber(cmd, admin.SubscriberChange{Key: args[0], Topic: *topic, Action: "role", Role: args[1]})
		},
	}
	topic = topicFlag(cmd)
	return cmd
}

func changeSubscriber(cmd *cobra.Command, change admin.SubscriberChange) error {
	client, err := adminClient(cmd)
	if err != nil {
		return err
	}
	changed, err := client.ChangeSubscriber(cmd.Context(), change)
	if err != nil {
		return err
	}
	return show(cmd, changed, func(w io.Writer) {
		for _, s := range changed {
			fmt.Fprintf(w, "%s is %s, role %s\n", nameOf(s), s.State, s.Role)
		}
	})
}

func newAllowCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "allow",
		Short:   "Domains whose servers need no approval, or alone may subscribe (relay.mode)",
		Example: "  tributary admin allow add friends.example",
	}, newAllowAddCommand(), newAllowRemoveCommand(), newAllowListCommand())
}

func newAllowAddCommand() *cobra.Command {
	var request admin.Allowed
	cmd := &cobra.Command{
		Use:     "add DOMAIN",
		Short:   "Allow a domain with its subdomains",
		Example: `  tributary admin allow add friends.example --note "asked by mail"`,
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Domain = args[0]
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			added, err := client.Allow(cmd.Context(), request)
			if err != nil {
				return err
			}
			return show(cmd, added, func(w io.Writer) { fmt.Fprintf(w, "%s is allowed\n", added.Domain) })
		},
	}
	cmd.Flags().StringVar(&request.Note, "note", "", "your own note; nobody else reads it")
	return cmd
}

func newAllowRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove DOMAIN",
		Short:   "Take a domain from the list; its subscriptions stay",
		Example: "  tributary admin allow remove friends.example",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			if err := client.Disallow(cmd.Context(), args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"removed": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s is not in the list any more\n", args[0]) })
		},
	}
}

func newAllowListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the allowed domains",
		Example: "  tributary admin allow list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			list, err := client.ListAllowed(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, list, func(w io.Writer) {
				fmt.Fprintln(w, "DOMAIN\tSINCE\tNOTE")
				for _, a := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\n", a.Domain, when(a.Created), dash(a.Note))
				}
			})
		},
	}
}
