package web

import (
	"cmp"
	"slices"
	"time"

	"tributary/ingest"
	"tributary/relay"
	"tributary/relay/delivery"
)

// Subscriber is a server that subscribed.
type Subscriber struct {
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	Role  string    `json:"role"`  // relay.Role
	State string    `json:"state"` // "live", "failing" while it does not answer, "stale" when it has not for long, "paused" when the relay has stopped asking

	All    bool     `json:"all"`              // it subscribed to all that passes
	Topics []string `json:"topics,omitempty"` // and to these parts
}

// subscribers lists the servers to which posts flow or from which they come, each
// once, by name.
func (s *Site) subscribers() []Subscriber {
	figures, _ := s.samples.read()
	list := []Subscriber{}
	at := make(map[string]int)
	for _, sub := range s.cfg.Relay.Subscriptions().List() {
		if sub.State != relay.StateAccepted {
			continue
		}
		i, seen := at[sub.Host]
		if !seen {
			state := string(delivery.StateLive)
			if known, ok := figures.Lanes[sub.Host]; ok && known != string(delivery.StateCatchingUp) {
				state = known
			}
			i = len(list)
			at[sub.Host] = i
			list = append(list, Subscriber{Host: sub.Host, Since: sub.Created, Role: string(sub.Role), State: state})
		}
		list[i].add(sub.Topic)
	}
	slices.SortFunc(list, func(a, b Subscriber) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

// add notes what a server subscribed to, once.
func (s *Subscriber) add(topic delivery.Topic) {
	switch name := topic.String(); {
	case topic.Whole():
		s.All = true
	case !slices.Contains(s.Topics, name):
		s.Topics = append(s.Topics, name)
	}
}

// Sources is who gives the relay posts.
type Sources struct {
	Members []string `json:"members"`  // whose posts are passed on, whether they gave any or not
	LastDay int      `json:"last_day"` // servers that gave this node a post in the last day, or since it started
}

// sources names the members that may give posts, and says of none whether, when or how much: a server of one
// author would be that author.
func (s *Site) sources() Sources {
	list := Sources{Members: []string{}, LastDay: s.cfg.Relay.Sources().Count(s.now().Add(-24 * time.Hour))}
	for _, sub := range s.subscribers() {
		if sub.Role == string(relay.RoleBoth) || sub.Role == string(relay.RolePublish) {
			list.Members = append(list.Members, sub.Host)
		}
	}
	return list
}

// Block is a domain, or a software, that may give the relay nothing.
type Block struct {
	Domain   string    `json:"domain,omitempty"`
	Software string    `json:"software,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
}

// blocks lists blocked software and domains by name. Blocked actors are people and not listed.
func (s *Site) blocks() []Block {
	list := []Block{}
	for _, b := range s.cfg.Relay.Blocks().List() {
		switch b.Scope {
		case ingest.ScopeDomain:
			list = append(list, Block{Domain: b.Key, Reason: b.Reason, Since: b.Created})
		case relay.ScopeSoftware:
			list = append(list, Block{Software: b.Key, Reason: b.Reason, Since: b.Created})
		}
	}
	slices.SortFunc(list, func(a, b Block) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Software, b.Software))
	})
	return list
}
