package web

import (
	"cmp"
	"slices"
	"time"

	"tributary/ingest"
	"tributary/relay"
)

// Subscriber is a server that subscribed.
type Subscriber struct {
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	Role  string    `json:"role"`  // relay.Role
	State string    `json:"state"` // "live", or "failing" while it does not answer
}

// subscribers lists the servers to which posts flow or from which they come, each
// once, by name.
func (s *Site) subscribers() []Subscriber {
	figures, _ := s.samples.read()
	list := []Subscriber{}
	seen := make(map[string]bool)
	for _, sub := range s.cfg.Relay.Subscriptions().List() {
		if sub.State != relay.StateAccepted || seen[sub.Host] {
			continue
		}
		seen[sub.Host] = true
		state := "live"
		if figures.Failing[sub.Host] {
			state = "failing"
		}
		list = append(list, Subscriber{Host: sub.Host, Since: sub.Created, Role: string(sub.Role), State: state})
	}
	slices.SortFunc(list, func(a, b Subscriber) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

// Block is a domain that may give the relay nothing.
type Block struct {
	Domain string    `json:"domain"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// blocks lists blocked domains by name. Blocked actors are people and not listed.
func (s *Site) blocks() []Block {
	list := []Block{}
	for _, b := range s.cfg.Relay.Blocks().List() {
		if b.Scope == ingest.ScopeDomain {
			list = append(list, Block{Domain: b.Key, Reason: b.Reason, Since: b.Created})
		}
	}
	slices.SortFunc(list, func(a, b Block) int { return cmp.Compare(a.Domain, b.Domain) })
	return list
}
