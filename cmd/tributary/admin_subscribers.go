package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
)

func newSubscribersCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "subscribers",
		Short:   "Servers that subscribed to the relay",
		Example: "  tributary admin subscribers list",
	}, newSubscribersListCommand(), newSubscribersApproveCommand(), newSubscribersRejectCommand(), newSubscribersRoleCommand(),
		newSubscribersPauseCommand(), newSubscribersResumeCommand(), newSubscribersFilterCommand(), newSubscribersLinkCommand(), newSubscribersReplayCommand(), newSubscribersRemoveCommand())
}

func newSubscribersListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the subscribers and how deliveries to them go",
		Example: "  tributary admin subscribers list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			subscribers, err := client.Subscribers(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, subscribers, func(w io.Writer) { subscribersTable(w, subscribers) })
		},
	}
}

func subscribersTable(w io.Writer, subscribers []admin.Subscriber) {
	fmt.Fprintln(w, "HOST\tTOPIC\tSTATE\tROLE\tDELIVERY\tLAG\tBEHIND\tPER MIN\tDELIVERED\tGIVEN UP\tLAST SUCCESS\tNEXT TRY\tLAST ERROR\tSOFTWARE\tSIGNATURE\tSINCE\tACTOR")
	for _, s := range subscribers {
		l := s.Lane
		if l == nil {
			l = &admin.Lane{}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%.0f\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Host, cmp.Or(s.Topic, admin.TopicAll), s.State, s.Role, deliveryOf(l), l.Lag, ago(l.LagSeconds), l.PerMinute, l.Delivered, l.GivenUp,
			when(l.LastSuccess), nextTry(l), dash(l.LastError),
			dash(strings.TrimSpace(s.Software.Name+" "+s.Software.Version)), signatureOf(s), when(s.Created), s.Actor)
	}
}

// deliveryOf is the state of a lane, and why it is one that asks for somebody.
func deliveryOf(l *admin.Lane) string {
	if l.Reason == "" {
		return dash(l.State)
	}
	return l.State + ": " + strings.TrimPrefix(l.Reason, "paused ")
}

func nextTry(l *admin.Lane) string {
	if l.NextTry.IsZero() {
		return "-"
	}
	return when(l.NextTry)
}

// ago is a time in seconds, in a table.
func ago(seconds float64) string {
	if seconds < 1 {
		return "-"
	}
	return (time.Duration(seconds) * time.Second).String()
}

// signatureOf is the form of signature, and why it is another than the one that costs
// nothing.
func signatureOf(s admin.Subscriber) string {
	if s.Signature == "shared" {
		return s.Signature
	}
	return s.Signature + ": " + s.SignatureReason
}

// topicFlag lets a command act on one subscription of several.
func topicFlag(cmd *cobra.Command) (topic *string) {
	return cmd.Flags().String("topic", "", "of its subscriptions only that to a topic (tag/golang, instance/social.example, language/de), or to all")
}

// nameOf is an actor, and the topic to which it subscribed.
func nameOf(s admin.Subscriber) string {
	if s.Topic == "" {
		return s.Actor
	}
	return s.Actor + " (" + s.Topic + ")"
}

func newSubscribersRemoveCommand() *cobra.Command {
	var topic *string
	cmd := &cobra.Command{
		Use:   "remove HOST|ACTOR",
		Short: "End the subscriptions of a server or of one actor, and tell them; a block keeps them out",
		Example: `  tributary admin subscribers remove social.example
  tributary admin subscribers remove social.example --topic tag/golang`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			removed, err := client.RemoveSubscriber(cmd.Context(), args[0], *topic)
			if err != nil {
				return err
			}
			return show(cmd, removed, func(w io.Writer) {
				for _, s := range removed {
					fmt.Fprintf(w, "removed %s\n", nameOf(s))
				}
			})
		},
	}
	topic = topicFlag(cmd)
	return cmd
}
