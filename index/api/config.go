package api

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"tributary/ingest/ap"
)

// Defaults of Config.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultParallel = 64
)

// Config is what the server says of itself, and the bounds of the API. The zero
// value of a field is its default; URL has none.
type Config struct {
	// URL is the server's public base URL, scheme://host[:port]: links and pages
	// are built from it, never from what a request claims.
	URL string

	// StreamingURL is the origin of the Mastodon streaming API, ws or wss without a
	// path. Default: that of URL.
	StreamingURL string

	Title       string   // default "Tributary relay"
	Description string   // one plain sentence; default says what a relay is
	Contact     string   // e-mail address or URL, public; "" shows none
	Version     string   // of the program; default "dev"
	SourceURL   string   // where its source is; "" is left empty
	Thumbnail   string   // URL of a picture; default: the stand-in that authors without a picture have
	Languages   []string // that the people who run it speak; default "en"

	// Timeout bounds a request, all its queries together.
	Timeout time.Duration
	// Parallel bounds the requests that query the index at once; others wait for
	// their turn within their Timeout.
	Parallel int
}

func (c Config) withDefaults() Config {
	c.URL = strings.TrimRight(c.URL, "/")
	def(&c.StreamingURL, "ws"+strings.TrimPrefix(c.URL, "http"))
	def(&c.Title, "Tributary relay")
	def(&c.Description, "A relay of public posts between the servers that subscribed to it.")
	def(&c.Version, "dev")
	def(&c.Thumbnail, c.URL+"/avatars/original/missing.png")
	def(&c.Timeout, DefaultTimeout)
	def(&c.Parallel, DefaultParallel)
	if c.Languages == nil {
		c.Languages = []string{"en"}
	}
	return c
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate names the first value that cannot be meant.
func (c Config) Validate() error {
	if err := origin(c.URL, "http", "https"); err != nil {
		return fmt.Errorf("api: url %q: %w", c.URL, err)
	}
	if c.StreamingURL != "" {
		if err := origin(c.StreamingURL, "ws", "wss"); err != nil {
			return fmt.Errorf("api: streaming url %q: %w", c.StreamingURL, err)
		}
	}
	if c.Timeout < 0 || c.Parallel < 0 {
		return fmt.Errorf("api: %w: a bound is negative", ErrConfig)
	}
	return nil
}

// origin accepts scheme://host[:port].
func origin(s string, schemes ...string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme && u.Host != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" {
			return nil
		}
	}
	return fmt.Errorf("%w: want %s://host[:port]", ErrConfig, strings.Join(schemes, " or "))
}

// host is the host[:port] of the server, "" if URL has none.
func (c Config) host() string {
	host, err := ap.Host(c.URL)
	if err != nil {
		return ""
	}
	return host
}
