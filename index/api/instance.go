package api

import (
	"encoding/json"
	"fmt"
	"strings"
)

// version begins with a Mastodon version, for Mastodon.py and others choose by
// the first number what they may ask for.
func (c Config) version() string { return "4.5.0 (compatible; Tributary " + c.Version + ")" }

// email is Contact if it is an e-mail address: apps make it a mailto: link.
func (c Config) email() string {
	if strings.Contains(c.Contact, "@") && !strings.Contains(c.Contact, "/") {
		return strings.TrimPrefix(c.Contact, "mailto:")
	}
	return ""
}

func (a *API) stats(q *request) Stats {
	if a.deps.Stats == nil {
		return Stats{}
	}
	return a.deps.Stats(q.context())
}

// instanceV2 is GET /api/v2/instance.
func (a *API) instanceV2(q *request) error {
	c := a.cfg
	return q.encode(instanceV2{
		Domain: c.host(), Title: c.Title, Version: c.version(), SourceURL: c.SourceURL, Description: c.Description,
		Usage:         usage{Users: usageUsers{ActiveMonth: a.stats(q).ActiveMonth}},
		Thumbnail:     thumbnail{URL: c.Thumbnail},
		Icon:          []struct{}{},
		Languages:     c.Languages,
		Configuration: a.configuration(),
		// 1 is what a server without grouped notifications says: Elk and Phanpy ask
		// for those from 2 on.
		APIVersions: map[string]int{"mastodon": 1},
		Contact:     contact{Email: c.email()},
		Rules:       []struct{}{},
	})
}

// instanceV1 is GET /api/v1/instance.
func (a *API) instanceV1(q *request) error {
	c, n := a.cfg, a.stats(q)
	return q.encode(instanceV1{
		URI: c.host(), Title: c.Title, ShortDescription: c.Description, Description: c.Description,
		Email: c.email(), Version: c.version(), URLs: map[string]string{"streaming_api": c.StreamingURL},
		Stats:     instanceStats{Users: n.Users, Statuses: n.Statuses, Domains: n.Domains},
		Thumbnail: c.Thumbnail, Languages: c.Languages, Configuration: a.configuration(), Rules: []struct{}{},
	})
}

// configuration holds Mastodon's numbers, for apps count with them; nobody can
// post here, so no media type is accepted.
func (a *API) configuration() configuration {
	access := timelineAccess{Local: "public", Remote: "public"}
	if a.deps.Authenticate != nil {
		access = timelineAccess{Local: "authenticated", Remote: "authenticated"}
	}
	disabled := timelineAccess{Local: "disabled", Remote: "disabled"}
	return configuration{
		URLs: urls{Streaming: a.cfg.StreamingURL, About: a.cfg.URL + "/"},
		Accounts: accountLimits{
			NoteLength: 500, FeaturedTags: 10, PinnedStatuses: 5, ProfileFields: 4, FieldName: 255, FieldValue: 255,
		},
		Statuses: statusLimits{Characters: 500, Media: 4, PerURL: 23},
		Media: mediaLimits{
			Description: 1500, ImageMatrix: 33177600, ImageSize: 16 << 20, Types: []string{},
			VideoFrameRate: 120, VideoMatrix: 8294400, VideoSize: 99 << 20,
		},
		Polls:     pollLimits{Options: 4, Characters: 50, MinExpiration: 300, MaxExpiration: 2629746},
		Timelines: timelinesAccess{Live: access, Hashtag: access, Link: disabled},
	}
}

// instancePeers is GET /api/v1/instance/peers.
func (a *API) instancePeers(q *request) error {
	if a.deps.Peers == nil {
		return errNotFound // as Mastodon, where they are not told
	}
	peers, err := a.deps.Peers(q.context())
	if err != nil {
		return away("The list of servers cannot be read now", fmt.Errorf("api: listing peers: %w", err))
	}
	if peers == nil {
		peers = []string{}
	}
	return q.encode(peers)
}

// encode answers with v.
func (q *request) encode(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("api: encoding an answer: %w", err)
	}
	q.body = append(q.body, body...)
	return nil
}
