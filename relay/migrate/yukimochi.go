package migrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tributary/ingest/ap"
)

// parseActivityRelay reads what Activity-Relay's "relay control config export" writes.
// All in it are accepted: those that wait for approval are in redis only.
func parseActivityRelay(doc []byte) (Export, error) {
	type member struct {
		Domain string `json:"domain"`
		Inbox  string `json:"inbox_url"`
		Follow string `json:"activity_id"`
		Actor  string `json:"actor_id"`
	}
	var d struct {
		Limited     []string `json:"limitedDomains"`
		Blocked     []string `json:"blockedDomains"`
		Subscribers []member `json:"subscriptions"` // of Public
		Followers   []member `json:"followers"`     // of the actor
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		return Export{}, err
	}
	e := Export{Software: ActivityRelayGo, Limited: d.Limited}
	for _, domain := range d.Blocked {
		e.Blocked = append(e.Blocked, Domain{Name: domain})
	}
	for i, m := range append(d.Subscribers, d.Followers...) {
		e.Members = append(e.Members, Member{
			Domain: m.Domain, Actor: m.Actor, Inbox: m.Inbox, Follow: m.Follow, Announce: i >= len(d.Subscribers),
		})
	}
	return e, nil
}

const redisPrefix = "relay:"

// parseRedisText reads what redis-cli prints of Activity-Relay's hashes when it does not
// write to a terminal: the name of a hash, then its fields and values, each on a line. No
// field or value that it keeps begins as the names do.
func parseRedisText(text string) (Export, error) {
	e := Export{Software: ActivityRelayGo}
	var name string
	var hash []string
	end := func() error {
		if name == "" {
			return nil
		}
		if len(hash)%2 != 0 && hash[len(hash)-1] == "" {
			hash = hash[:len(hash)-1] // an empty line after it
		}
		if len(hash)%2 != 0 {
			return fmt.Errorf("%w: %s has a field without a value", ErrFormat, bounded(name))
		}
		fields := make(map[string]string)
		for i := 0; i < len(hash); i += 2 {
			fields[hash[i]] = hash[i+1]
		}
		e.redisHash(strings.TrimPrefix(name, redisPrefix), fields)
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, redisPrefix) {
			hash = append(hash, line)
			continue
		}
		if err := end(); err != nil {
			return Export{}, err
		}
		name, hash = line, nil
	}
	return e, end()
}

func (e *Export) redisHash(name string, fields map[string]string) {
	kind, domain, _ := strings.Cut(name, ":")
	m := Member{Domain: domain, Actor: fields["actor_id"], Inbox: fields["inbox_url"], Follow: fields["activity_id"]}
	switch kind {
	case "subscription":
		e.Members = append(e.Members, m)
	case "follower":
		m.Announce = true
		e.Members = append(e.Members, m)
	case "pending":
		m.Actor, m.Pending = fields["actor"], true
		m.Announce = fields["object"] != ap.PublicURI
		e.Members = append(e.Members, m)
	case "config":
		for _, d := range slices.Sorted(maps.Keys(fields)) {
			switch domain {
			case "blockedDomain":
				e.Blocked = append(e.Blocked, Domain{Name: d})
			case "limitedDomain":
				e.Limited = append(e.Limited, d)
			}
		}
	}
}
