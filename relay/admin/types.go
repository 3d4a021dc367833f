package admin

import (
	"time"

	"tributary/ingest"
	"tributary/ingest/token"
	"tributary/relay"
	"tributary/relay/delivery"
)

// Token is a token without its secret.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Used    time.Time `json:"used,omitzero"`    // zero: never
}

func tokenOf(t token.Token) Token {
	return Token{ID: t.ID, Name: t.Name, Scopes: t.Scopes, Created: t.Created, Expires: t.Expires, Used: t.Used}
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Name       string   `json:"name"`
	Scopes     []string `json:"scopes"`
	TTLSeconds int64    `json:"ttl_seconds"` // 0: for ever
}

// CreatedToken is the only place where a secret is ever shown.
type CreatedToken struct {
	Secret string `json:"secret"`
	Token  Token  `json:"token"`
}

// Subscriber is a subscription with the state of the lane that serves it.
type Subscriber struct {
	Actor           string           `json:"actor"`
	Topic           string           `json:"topic,omitempty"` // "tag/golang", "instance/social.example" or "language/de"; "" for all that passes
	Host            string           `json:"host"`
	Inbox           string           `json:"inbox"`
	State           string           `json:"state"`                 // "accepted", "pending", "rejected" or "left"
	Style           string           `json:"style"`                 // "forward" (Mastodon) or "announce" (LitePub)
	Role            string           `json:"role"`                  // "both", "publish", "receive", "limited" or "paused"
	Back            string           `json:"follow_back,omitempty"` // what became of our Follow of it: "pending", "accepted", "rejected"
	Filter          *delivery.Filter `json:"filter,omitempty"`      // which posts it wants; nil: all
	Software        Software         `json:"software,omitzero"`     // that its server says it runs
	Signature       string           `json:"signature"`             // of deliveries to it: "shared" with others, "full" (its own), or "rfc9421"
	SignatureReason string           `json:"signature_reason"`
	Created         time.Time        `json:"created"`
	Lane            *Lane            `json:"lane,omitempty"` // nil: it has none now
}

// Software is what a server runs, by its NodeInfo.
type Software struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func subscriberOf(s relay.Subscriber) Subscriber {
	style := "forward"
	if s.Style == delivery.StyleAnnounce {
		style = "announce"
	}
	var filter *delivery.Filter
	if f, err := delivery.ParseFilter(s.Filter); err == nil && !f.Empty() {
		filter = &f
	}
	signing, form := s.Signing(), "full"
	if signing.Shared {
		form = "shared"
	}
	return Subscriber{
		Software: Software(s.Software), Signature: form, SignatureReason: signing.Why,
		Actor: s.Actor, Topic: s.Topic.String(), Host: s.Host, Inbox: s.Delivery, State: s.State, Style: style, Role: string(s.Role), Back: s.BackState,
		Filter: filter, Created: s.Created,
	}
}

// SubscriberChange asks for a decision about the subscriptions of a server or an actor.
type SubscriberChange struct {
	Key    string          `json:"key"`             // a host, or the URI of an actor
	Topic  string          `json:"topic,omitempty"` // of these, the subscription to a topic; TopicAll: to all that passes; "": each
	Action string          `json:"action"`          // "approve", "reject", "resume", "role" or "filter"
	Role   string          `json:"role,omitempty"`  // for "role"
	Filter delivery.Filter `json:"filter,omitzero"` // for "filter"; an empty one wants all
}

// TopicAll names the subscription to all that passes, where "" stands for each.
const TopicAll = "all"

// Quarantined is a server that gave too much, and is left out for a while.
type Quarantined struct {
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Refused int64     `json:"refused"` // activities since then
}

// Limit is what the servers of a domain may give, where that differs from what all may.
type Limit struct {
	Domain         string    `json:"domain"`                     // with its subdomains, each server counted by itself
	PostsPerMinute *int      `json:"posts_per_minute,omitempty"` // absent: relay.posts_per_minute; 0: no limit
	BodyMax        *int      `json:"body_max,omitempty"`         // bytes; absent: relay.body_max
	Note           string    `json:"note,omitempty"`
	Created        time.Time `json:"created,omitzero"`
}

// Link opens the page where a member's admin sets which posts it gets.
type Link struct {
	Actor string    `json:"actor"`
	Topic string    `json:"topic,omitempty"` // of its subscription; "" for all that passes
	URL   string    `json:"url"`             // whoever has it may do that
	Until time.Time `json:"until"`
}

// Allowed is a domain, with its subdomains, that need not be approved.
type Allowed struct {
	Domain  string    `json:"domain"`
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created,omitzero"`
}

// Lane is how far deliveries to an inbox are. Several subscribers may share one.
type Lane struct {
	Inbox        string    `json:"inbox"`
	Host         string    `json:"host"`
	State        string    `json:"state"`            // "live", "catching_up", "failing", "stale", or "paused" by the relay
	Brings       []string  `json:"brings,omitempty"` // "all" and topics, of all its subscribers
	Position     uint64    `json:"position"`         // lowest seq not yet settled
	Lag          uint64    `json:"lag"`              // seqs from there to the tip
	InFlight     int       `json:"in_flight"`        // requests; 0 when another node serves it
	Unsettled    int       `json:"unsettled"`        // records read and not yet settled; likewise
	Delivered    int64     `json:"delivered"`
	GivenUp      int64     `json:"given_up"`
	LastSuccess  time.Time `json:"last_success,omitzero"`
	LastFailure  time.Time `json:"last_failure,omitzero"`
	LastError    string    `json:"last_error,omitempty"` // status and the first words of the answer
	FailingSince time.Time `json:"failing_since,omitzero"`
	NextTry      time.Time `json:"next_try,omitzero"`

	LagSeconds   float64   `json:"lag_seconds"`            // age of the oldest record not settled, as far as it is known
	PerMinute    float64   `json:"deliveries_per_minute"`  // in the last minute; 0 of a lane of another node
	UntakenSince time.Time `json:"untaken_since,omitzero"` // since when it takes nothing, of the time in which it was asked
	PausedAt     time.Time `json:"paused_at,omitzero"`     // by the relay; a pause by the operator is the role "paused"
	Reason       string    `json:"state_reason,omitempty"` // of "stale" and "paused"

	form, formWhy string // Subscriber.Signature; "" when another node knows
}

func laneOf(s delivery.Status) Lane {
	return Lane{
		Inbox: s.Inbox, Host: s.Host, State: string(s.State), Brings: s.Brings, Position: s.Position, Lag: s.Lag, InFlight: s.InFlight, Unsettled: s.Unsettled,
		Delivered: s.Delivered, GivenUp: s.GivenUp, LastSuccess: s.LastSuccess, LastFailure: s.LastFailure,
		LastError: s.LastError, FailingSince: s.FailingSince, NextTry: s.NextTry,
		LagSeconds: s.Behind(time.Now()).Seconds(), PerMinute: s.PerMinute, UntakenSince: s.UntakenSince, PausedAt: s.PausedAt, Reason: s.Why,
		form: s.Form, formWhy: s.FormWhy,
	}
}

// Block is a refused domain, actor or software.
type Block struct {
	Scope   string    `json:"scope"` // "domain", "actor" or "software"
	Key     string    `json:"key"`
	Reason  string    `json:"reason"`         // public
	Note    string    `json:"note"`           // the operator's own
	List    string    `json:"list,omitempty"` // URL of the list that says so; absent: the operator
	Created time.Time `json:"created"`
}

func blockOf(b relay.Block) Block {
	return Block{Scope: scopeName(b.Scope), Key: b.Key, Reason: b.Reason, Note: b.Note, List: b.List, Created: b.Created}
}

// ScopeSoftware is a block of all servers that say that they run a software.
const ScopeSoftware = "software"

func scopeName(s ingest.Scope) string {
	switch s {
	case ingest.ScopeActor:
		return "actor"
	case relay.ScopeSoftware:
		return ScopeSoftware
	}
	return "domain"
}

// BlockRequest asks for a block.
type BlockRequest struct {
	Scope  string `json:"scope,omitempty"` // "software"; absent: what Key is
	Key    string `json:"key"`             // a domain, the URI of an actor, or the name of a software
	Reason string `json:"reason"`
	Note   string `json:"note"`
	DryRun bool   `json:"dry_run"` // say who would be affected, and change nothing
}

// BlockResult says what a block did, or would do.
type BlockResult struct {
	Scope       string       `json:"scope"`
	Key         string       `json:"key"`
	DryRun      bool         `json:"dry_run"`
	Subscribers []Subscriber `json:"subscribers"` // whose subscriptions end
	Hosts       []string     `json:"hosts"`       // a domain with those below it that are known here
	Authors     int          `json:"authors"`     // authors whose posts are withdrawn
}

// BlockListRequest asks for the import of a block-list, whose text follows.
type BlockListRequest struct {
	Reason   string // public, for domains to which the list gives none
	Note     string // the operator's own
	Silenced bool   // block those too that the list silences only
	DryRun   bool   // say who would be affected, and change nothing
}

// BlockListResult says what an import did, or would do.
type BlockListResult struct {
	DryRun      bool          `json:"dry_run"`
	Blocked     []string      `json:"blocked"`     // domains that were not blocked before
	Known       int           `json:"known"`       // that were
	Milder      int           `json:"milder"`      // that the list does not suspend
	Subscribers []Subscriber  `json:"subscribers"` // whose subscriptions end
	Hosts       []string      `json:"hosts"`       // of which posts or subscriptions are here
	Authors     int           `json:"authors"`     // whose posts are withdrawn
	Skipped     []SkippedLine `json:"skipped"`     // that are not domains
}

// ListRequest asks for a subscription to a block-list, or for its refresh.
type ListRequest struct {
	URL          string `json:"url"`
	Reason       string `json:"reason,omitempty"`        // public, for domains to which the list gives none
	Silenced     bool   `json:"silenced,omitempty"`      // block those too that the list silences only
	EverySeconds int64  `json:"every_seconds,omitempty"` // 0: a day
	Force        bool   `json:"force,omitempty"`         // of a refresh: apply a list that shrank
	DryRun       bool   `json:"dry_run,omitempty"`       // say what would change, and change nothing
}

// ListSubscription is a block-list of somebody else that is fetched again and again.
type ListSubscription struct {
	URL          string    `json:"url"`
	Reason       string    `json:"reason,omitempty"`
	Silenced     bool      `json:"silenced"`
	EverySeconds int64     `json:"every_seconds"`
	Domains      int       `json:"domains"`          // that it blocks
	Added        int       `json:"added"`            // by its last change
	Removed      int       `json:"removed"`          // by its last change
	Changed      time.Time `json:"changed,omitzero"` // its last change
	Checked      time.Time `json:"checked,omitzero"` // when it was last had and found in order
	Next         time.Time `json:"next"`             // when it is fetched again
	Failures     int       `json:"failures"`         // in a row
	LastError    string    `json:"last_error,omitempty"`
	Created      time.Time `json:"created"`
}

// ListResult says what a list did, or would do.
type ListResult struct {
	URL         string        `json:"url"`
	DryRun      bool          `json:"dry_run"`
	Unchanged   bool          `json:"unchanged"`   // its server says that it is the one that is applied
	Domains     int           `json:"domains"`     // that it blocks
	Added       []string      `json:"added"`       // since it was applied last
	Removed     []string      `json:"removed"`     // let in again, unless something else blocks them
	Kept        int           `json:"kept"`        // of the removed that are the operator's own blocks now
	Milder      int           `json:"milder"`      // that it does not suspend
	Subscribers []Subscriber  `json:"subscribers"` // whose subscriptions end
	Hosts       []string      `json:"hosts"`       // of which posts or subscriptions are here
	Authors     int           `json:"authors"`     // whose posts are withdrawn
	Skipped     []SkippedLine `json:"skipped"`     // that block nothing
}

// SkippedLine is a line of a block-list that blocks nothing.
type SkippedLine struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	Why  string `json:"why"`
}

// Stats is the state of the relay in figures.
type Stats struct {
	Tip         uint64      `json:"tip"`          // seq of the newest record
	LogStart    uint64      `json:"log_start"`    // seq of the oldest record
	LogBytes    int64       `json:"log_bytes"`    // disk that the embedded log takes; 0: a Kafka by address
	HeldBytes   int64       `json:"held_bytes"`   // of it beyond kafka.retention_bytes, for what the index has not read
	StateCursor uint64      `json:"state_cursor"` // seq that the state database stands for
	Subscribers int         `json:"subscribers"`  // accepted
	Blocks      int         `json:"blocks"`
	Lanes       LaneSummary `json:"lanes"`
	Rows        []RowCount  `json:"rows"`
}

// LaneSummary is the lag of all lanes, in seqs.
type LaneSummary struct {
	Lanes     int    `json:"lanes"`
	Failing   int    `json:"failing"`
	Stale     int    `json:"stale"`
	Paused    int    `json:"paused"` // by the relay
	LagMedian uint64 `json:"lag_median"`
	LagMax    uint64 `json:"lag_max"`
	Delivered int64  `json:"delivered"`
	GivenUp   int64  `json:"given_up"`
}

// RowCount is the size of a table of the state database.
type RowCount struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}
