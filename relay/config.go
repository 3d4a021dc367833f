package relay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tributary/ingest"
)

// Config is what an operator may say about the relay. The zero value works.
type Config struct {
	Name       string // title shown to people; default "Tributary relay"
	Summary    string // plain sentence about this relay; default says what it does
	Contact    string // how to reach the operator, public; "" shows none
	Version    string // of the program, for NodeInfo; default "dev"
	Repository string // URL of the source, for NodeInfo 2.1; "" leaves it out
	Homepage   string // URL of the project, for NodeInfo 2.1; "" leaves it out

	// Usage counts hosted accounts and their posts for NodeInfo. nil: there are none.
	Usage func(context.Context) Usage

	// Mode is who may subscribe. Default ModeOpen.
	Mode Mode
	// PostsPerMinute bounds what one server gives: posts, edits and Announces.
	// Default 0: there is no limit.
	PostsPerMinute int
	// BodyMax bounds what one inbox request brings, in bytes; what takes something back may
	// have ingest.MaxDocumentBytes. Default and most: that.
	BodyMax int
	// RequestsMax bounds the inbox requests under way. Default 1024. Each holds
	// at most what was received of its body, so slow bodies cost sockets, not memory.
	RequestsMax int
	// KeyWaitsPerHostMax bounds those of them that wait for a key of one host, so
	// that a slow key server cannot hold them all. Default RequestsMax/32, at least 1.
	KeyWaitsPerHostMax int
	// WorkersMax bounds those being verified and admitted; the others wait. Default 256.
	WorkersMax int
	// BodyTimeout is how long a body may take to come in. Default 10 s.
	BodyTimeout time.Duration
	// KeyTimeout is how long the sender's key may take to be had. Default 8 s:
	// Mastodon gives up on a delivery after 10 s.
	KeyTimeout time.Duration
	// AnyHost takes requests under any Host header. For development only: it lets
	// what was signed for another server count as sent to this one.
	AnyHost bool
	// SubscribersPerHostMax bounds the subscriptions of one host: each may be a
	// lane of its own. Default 32.
	SubscribersPerHostMax int
	// TopicsPerHostMax bounds those of them that are for a topic, which have a bound of
	// their own: one lane may serve many. Default 64.
	TopicsPerHostMax int
}

func (c *Config) applyDefaults() {
	if c.Name == "" {
		c.Name = "Tributary relay"
	}
	if c.Summary == "" {
		c.Summary = "A relay of public posts between the servers that subscribed to it."
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Mode == "" {
		c.Mode = ModeOpen
	}
	c.BodyMax = orInt(c.BodyMax, ingest.MaxDocumentBytes)
	c.RequestsMax = orInt(c.RequestsMax, 1024)
	c.KeyWaitsPerHostMax = orInt(c.KeyWaitsPerHostMax, max(1, c.RequestsMax/32))
	c.WorkersMax = orInt(c.WorkersMax, 256)
	c.SubscribersPerHostMax = orInt(c.SubscribersPerHostMax, 32)
	c.TopicsPerHostMax = orInt(c.TopicsPerHostMax, 64)
	if c.BodyTimeout == 0 {
		c.BodyTimeout = 10 * time.Second
	}
	if c.KeyTimeout == 0 {
		c.KeyTimeout = 8 * time.Second
	}
}

func (c *Config) validate() error {
	for name, n := range map[string]int{
		"requests_max": c.RequestsMax, "key_waits_per_host_max": c.KeyWaitsPerHostMax,
		"workers_max": c.WorkersMax, "subscribers_per_host_max": c.SubscribersPerHostMax,
		"topics_per_host_max": c.TopicsPerHostMax, "posts_per_minute": c.PostsPerMinute,
	} {
		if n < 0 {
			return fmt.Errorf("relay: %s is %d: must not be negative", name, n)
		}
	}
	if c.BodyMax != 0 && (c.BodyMax < BodyMaxLeast || c.BodyMax > ingest.MaxDocumentBytes) {
		return fmt.Errorf("relay: body_max is %d: must be from %d to %d", c.BodyMax, BodyMaxLeast, ingest.MaxDocumentBytes)
	}
	if c.Mode != "" && !slices.Contains(Modes, c.Mode) {
		return fmt.Errorf("relay: there is no mode %q", c.Mode)
	}
	if c.BodyTimeout < 0 || c.KeyTimeout < 0 {
		return fmt.Errorf("relay: a timeout is negative")
	}
	return nil
}

func (c *Config) usage(ctx context.Context) Usage {
	if c.Usage == nil {
		return Usage{}
	}
	return c.Usage(ctx)
}

func orInt(v, fallback int) int {
	if v == 0 {
		return fallback
	}
	return v
}
