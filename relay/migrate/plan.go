package migrate

import (
	"context"
	"fmt"
	"strings"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/relay"
	"tributary/relay/delivery"
)

// Bounds of what the operator of the other relay wrote.
const (
	noteBytesMax = 500
	nameBytesMax = 1024 // of a domain before punycode, whose time grows with the square of it
)

// Plan makes of what another relay kept what relay.TakeOver writes, without the key. It
// fetches the actors of which too little is known; progress, which may be nil, is told
// of each. What is left out is named with its reason. The error is ctx's.
func Plan(ctx context.Context, e Export, actors Actors, progress func(done, total int)) (relay.Takeover, []relay.Skipped, error) {
	p := planning{limited: make(map[string]bool)}
	for _, d := range e.Blocked {
		if key := p.domain(d.Name); key != "" {
			p.plan.Blocks = append(p.plan.Blocks, relay.Block{Scope: ingest.ScopeDomain, Key: key, Reason: note(d.Reason), Note: note(d.Note)})
		}
	}
	for _, name := range e.Allowed {
		if key := p.domain(name); key != "" {
			p.plan.Allowed = append(p.plan.Allowed, relay.Allowed{Domain: key, Note: "from " + e.Software})
		}
	}
	for _, name := range e.Limited {
		if key := p.domain(name); key != "" {
			p.limited[key] = false
		}
	}
	for _, name := range e.BannedSoftware {
		key, err := relay.ParseSoftware(name)
		if err != nil {
			p.skip("software "+bounded(name), "this is not the name of a software")
			continue
		}
		p.plan.Blocks = append(p.plan.Blocks, relay.Block{Scope: relay.ScopeSoftware, Key: key})
	}
	members, err := complete(ctx, e.Members, actors, progress)
	if err != nil {
		return relay.Takeover{}, nil, err
	}
	for _, m := range members {
		p.member(m)
	}
	for _, name := range e.Limited {
		if key := domainKey(name); key != "" && !p.limited[key] {
			p.limited[key] = true // said once
			p.skip(key, "it was limited, and nobody of it is subscribed")
		}
	}
	return p.plan, p.skipped, nil
}

type planning struct {
	plan    relay.Takeover
	limited map[string]bool // by host: whether a member had it
	skipped []relay.Skipped
}

func (p *planning) skip(what, why string) {
	p.skipped = append(p.skipped, relay.Skipped{What: what, Why: why})
}

// domain is the form of a name that blocks have; "" if it is none, which is told.
func (p *planning) domain(name string) string {
	key := domainKey(name)
	if key == "" {
		p.skip(fmt.Sprintf("%q", bounded(name)), "this is not a domain")
	}
	return key
}

func domainKey(name string) string {
	if len(name) > nameBytesMax {
		return ""
	}
	scope, key, err := relay.ParseBlockKey(name)
	if err != nil || scope != ingest.ScopeDomain {
		return ""
	}
	return key
}

func (p *planning) member(m completed) {
	if m.why != "" {
		p.skip(m.subject(), m.why)
		return
	}
	sub := relay.Subscriber{
		Actor: m.Actor, Inbox: m.own, Delivery: m.shared, Follow: m.Follow,
		State: relay.StateAccepted, Style: delivery.StyleForward, Role: relay.RoleBoth,
	}
	if m.Announce {
		sub.Style = delivery.StyleAnnounce
	}
	if m.Pending {
		sub.State = relay.StatePending
	}
	if host, err := ap.Host(m.Actor); err == nil {
		if _, limited := p.limited[host]; limited {
			sub.Role, p.limited[host] = relay.RoleLimited, true
		}
	}
	p.plan.Subscribers = append(p.plan.Subscribers, sub)
}

func note(s string) string {
	if len(s) > noteBytesMax {
		s = s[:noteBytesMax]
	}
	return strings.ToValidUTF8(s, "")
}
