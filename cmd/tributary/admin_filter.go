package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tributary/relay/admin"
	"tributary/relay/delivery"
)

func newSubscribersFilterCommand() *cobra.Command {
	var f delivery.Filter
	var topic *string
	cmd := &cobra.Command{
		Use:   "filter HOST|ACTOR",
		Short: "Say which posts a member gets; without flags it gets all",
		Long: `Say which posts a member gets. A post must satisfy all that is asked; edits and
deletions are never filtered. The flags replace the filter that was there;
without any the member gets all posts again, or with a topic all of that.`,
		Example: `  tributary admin subscribers filter social.example --language en,fr --no-bots
  tributary admin subscribers filter social.example --tag golang --per-minute 30
  tributary admin subscribers filter social.example`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			changed, err := client.ChangeSubscriber(cmd.Context(), admin.SubscriberChange{Key: args[0], Topic: *topic, Action: "filter", Filter: f})
			if err != nil {
				return err
			}
			return show(cmd, changed, func(w io.Writer) {
				for _, s := range changed {
					wants := "all posts"
					if s.Filter != nil {
						wants = s.Filter.String()
					}
					fmt.Fprintf(w, "%s gets %s\n", nameOf(s), wants)
				}
			})
		},
	}
	topic = topicFlag(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Languages, "language", nil, "in one of these languages: en, pt-br …")
	flags.StringSliceVar(&f.Tags, "tag", nil, "with one of these hashtags")
	flags.StringSliceVar(&f.NotTags, "not-tag", nil, "with none of these hashtags")
	flags.StringSliceVar(&f.Domains, "domain", nil, "from one of these hosts, or below them")
	flags.StringSliceVar(&f.NotDomains, "not-domain", nil, "from none of these hosts, nor below them")
	flags.BoolVar(&f.NoBots, "no-bots", false, "not by bots")
	flags.BoolVar(&f.NoSensitive, "no-sensitive", false, "neither marked as sensitive nor with a content warning")
	flags.BoolVar(&f.NoReplies, "no-replies", false, "no replies")
	flags.BoolVar(&f.OnlyMedia, "only-media", false, "only with pictures, video or sound")
	flags.IntVar(&f.PerMinute, "per-minute", 0, "at most so many posts a minute; 0: all")
	return cmd
}

func newSubscribersLinkCommand() *cobra.Command {
	var topic *string
	cmd := &cobra.Command{
		Use:   "link HOST|ACTOR",
		Short: "Make a link by which the member's own admin sets which posts it gets",
		Long: `Make a link by which the member's own admin sets which posts it gets, in a
browser and without an account. Whoever has the link may do that for seven days.`,
		Example: "  tributary admin subscribers link social.example",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := adminClient(cmd)
			if err != nil {
				return err
			}
			list, err := client.Links(cmd.Context(), args[0], *topic)
			if err != nil {
				return err
			}
			return show(cmd, list, func(w io.Writer) {
				for _, l := range list {
					fmt.Fprintf(w, "%s, until %s:\n%s\n", nameOf(admin.Subscriber{Actor: l.Actor, Topic: l.Topic}), when(l.Until), l.URL)
				}
			})
		},
	}
	topic = topicFlag(cmd)
	return cmd
}
