package remote

import "time"

// Config says whom we may call and how much. The zero value is the strict one, with
// the defaults named below; a negative number counts as zero.
type Config struct {
	// AllowPrivate allows every address and port: loopback, private networks. For
	// development and tests only.
	AllowPrivate bool
	// AllowHTTP allows http beside https. For development and tests only.
	AllowHTTP bool
	// UserAgent is sent with every request; GoToSocial answers 418 without one.
	// Default "Tributary".
	UserAgent string

	DialTimeout   time.Duration // resolution, connection, each. Default 5 s
	HeaderTimeout time.Duration // of a fetch, from the request to the answer's header. Default 5 s
	FetchTimeout  time.Duration // of a fetch in all, redirects and body included. Default 10 s

	MaxFetches        int // under way in all; each may hold a 256 KiB body. Default 128
	MaxFetchesPerHost int // of one host and port; half of them for objects. Default 4
	MaxFetchesPerSite int // of one registered domain: wildcard DNS makes hosts for nothing. Default 16
	MaxWaitingPerHost int // callers waiting for a host's actors. Default 32

	CachedActors int // in memory, 4 KB each. Default 4096
	StoredActors int // rows of the table. Default 100,000

	ActorTTL     time.Duration // how long a cached actor is fresh. Default 24 h
	StaleFor     time.Duration // how long after that it serves while its server is away. Default 7 d
	RefreshEvery time.Duration // the shortest time between two fetches of an actor. Default 1 min
}

// How long failures are remembered, so that a flood of requests about one URI asks its
// server once.
const (
	goneTTL      = 24 * time.Hour
	notFoundTTL  = 2 * time.Minute
	wrongTTL     = time.Minute // an answer that will not do
	temporaryTTL = 10 * time.Second
)

const (
	maxRedirects     = 3
	maxDocumentBytes = 256 << 10
	maxStoredBytes   = 64 << 10 // larger actors are kept in memory only
	maxHeaderBytes   = 64 << 10 // net/http's own default is 10 MB
	maxKeys          = 8        // of one actor
	maxFailures      = 4096     // remembered URIs that failed
	maxHosts         = 4096     // remembered hosts that did not answer
	maxIdlePerHost   = 16
	maxIdle          = 4096
	idleTimeout      = 2 * time.Minute // a new TLS connection costs 0.3 ms, an idle one 20 KB
	storeTimeout     = 5 * time.Second
	drainTimeout     = 250 * time.Millisecond // for what is left of an answer once its verdict is known
)

func (c Config) withDefaults() Config {
	if c.UserAgent == "" {
		c.UserAgent = "Tributary"
	}
	defaultTo(&c.DialTimeout, 5*time.Second)
	defaultTo(&c.HeaderTimeout, 5*time.Second)
	defaultTo(&c.FetchTimeout, 10*time.Second)
	defaultTo(&c.MaxFetches, 128)
	defaultTo(&c.MaxFetchesPerHost, 4)
	defaultTo(&c.MaxFetchesPerSite, 16)
	defaultTo(&c.MaxWaitingPerHost, 32)
	defaultTo(&c.CachedActors, 4096)
	defaultTo(&c.StoredActors, 100_000)
	defaultTo(&c.ActorTTL, 24*time.Hour)
	defaultTo(&c.StaleFor, 7*24*time.Hour)
	defaultTo(&c.RefreshEvery, time.Minute)
	return c
}

func defaultTo[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
