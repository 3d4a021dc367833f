package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tributary/ingest/ap"
	"tributary/relay"
	"tributary/relay/delivery"
)

// servers answers for actors as their servers would.
type servers map[string]ap.Actor

var errGone = errors.New("410")

func (s servers) Actor(ctx context.Context, uri string) (*ap.Actor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, ok := s[uri]
	if !ok {
		return nil, errGone
	}
	if a.URI == "" {
		a.URI = uri
	}
	return &a, nil
}

func planOf(t *testing.T, s servers, names ...string) (relay.Takeover, []string) {
	t.Helper()
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = file(name)
	}
	e, err := Read(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	var last atomic.Int64
	plan, skipped, err := Plan(t.Context(), e, s, func(done, total int) {
		if int64(done) != last.Add(1) || done > total {
			t.Errorf("progress: %d of %d", done, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var why []string
	for _, s := range skipped {
		why = append(why, s.What+": "+s.Why)
	}
	return plan, why
}

func described(list []relay.Subscriber) (all []string) {
	for _, s := range list {
		all = append(all, fmt.Sprint(s.Actor, " ", s.Inbox, " ", s.Delivery, " ", s.State, " ", s.Role, " announce=", s.Style == delivery.StyleAnnounce, " ", s.Follow != ""))
	}
	return all
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestPlanOfActivityRelay(t *testing.T) {
	plan, why := planOf(t, nil, "activity-relay.txt")
	same(t, "subscribers", described(plan.Subscribers),
		"https://mastodon.example/actor https://mastodon.example/inbox https://mastodon.example/inbox accepted both announce=false true",
		"https://quiet.example/users/relay.actor https://quiet.example/inbox https://quiet.example/inbox accepted limited announce=false true",
		"https://moved.example/actor", "https://sub.spam.example/actor", // whom TakeOver refuses
		"https://pleroma.example/relay https://pleroma.example/inbox https://pleroma.example/inbox accepted both announce=true true",
	)
	same(t, "skipped", why, `"*.bad.example": this is not a domain`, "lost.example: neither its actor nor its inbox is known", "gone.example: it was limited")
	if len(plan.Blocks) != 1 || plan.Blocks[0].Key != "spam.example" {
		t.Errorf("blocks: %v", plan.Blocks)
	}
}

// Of aoderelay only actors are known: their servers are asked.
func TestPlanOfAode(t *testing.T) {
	plan, why := planOf(t, servers{
		"https://mastodon.example/actor": {Inbox: "https://mastodon.example/actor/inbox", SharedInbox: "https://mastodon.example/inbox"},
		"https://pleroma.example/relay":  {Inbox: "https://pleroma.example/relay/inbox"},
	}, "aode-connected.json", "aode-blocked.json", "aode-allowed.json")
	same(t, "subscribers", described(plan.Subscribers),
		"https://mastodon.example/actor https://mastodon.example/actor/inbox https://mastodon.example/inbox accepted both announce=false false",
		"https://pleroma.example/relay https://pleroma.example/relay/inbox https://pleroma.example/relay/inbox accepted both announce=true false",
	)
	same(t, "skipped", why, "https://gone.example/actor: its actor cannot be had: 410; import it again later")
	if len(plan.Blocks) != 1 || len(plan.Allowed) != 1 {
		t.Errorf("%v, %v", plan.Blocks, plan.Allowed)
	}
}

// Before 0.3 ActivityRelay knew inboxes only: who owns one is found, and must say so.
func TestPlanFindsActors(t *testing.T) {
	plan, why := planOf(t, servers{
		"https://mastodon.example/actor": {Inbox: "https://mastodon.example/actor/inbox", SharedInbox: "https://mastodon.example/inbox"},
		"https://pleroma.example/relay":  {Inbox: "https://pleroma.example/other"},
		"https://pleroma.example/actor":  {Inbox: "https://pleroma.example/third"},
	}, "relay-0.2.yaml")
	same(t, "subscribers", described(plan.Subscribers),
		"https://mastodon.example/actor https://mastodon.example/actor/inbox https://mastodon.example/inbox accepted both announce=false true")
	if len(plan.Blocks) == 0 || plan.Blocks[len(plan.Blocks)-1].Scope != relay.ScopeSoftware || plan.Blocks[len(plan.Blocks)-1].Key != "activityrelay" {
		t.Errorf("blocks: %v", plan.Blocks)
	}
	same(t, "skipped", why, "https://pleroma.example/inbox: no actor with this inbox was found")
}

func TestPlanStops(t *testing.T) {
	e, err := Read(t.Context(), file("aode-connected.json"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := Plan(ctx, e, servers{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
