package main

import "time"

// view is everything that is shown at one moment. All text in it is printable.
type view struct {
	page    page
	phase   string // what is being done before and after the show; empty while it runs
	elapsed time.Duration
	world   census
	seed    uint64
	relay   process

	flows   []flow
	results []tally // deliveries by how they ended
	refused float64 // posts that the inbox refused
	lanes   lanes
	index   indexing
	delay   time.Duration // from a post's way to the inbox until its frame is here; 0: unknown

	servers []server // those that the relay delivers to, the troubled ones first
	posts   []post   // newest first
	skipped int      // posts that came and were not shown, for the eye's sake
	held    int      // posts that came while the list is held; -1: it is not
	guide   guide
}

type page uint8

const (
	pageLive page = iota
	pageCommands
	pageServers
)

// census is who lives in the simulated fediverse.
type census struct {
	servers    int
	subscribed int
	natures    []tally // what the servers are like, if not good
	strangers  int     // that post without a subscription
	down       int     // good ones that are away just now
}

// process is the relay's own.
type process struct {
	pid int
	cpu float64 // processors in use
	rss float64 // bytes
}

// tally is a name and how many.
type tally struct {
	name  string
	n     float64
	style style
}

// flow is something that the relay does so many times a second.
type flow struct {
	name    string
	rate    float64
	history []float64 // one a second, oldest first
	total   float64
	off     string // why it does not flow; empty: it does
}

// lanes is how far deliveries are, in records behind the newest one.
type lanes struct {
	live, catchingUp, failing int
	median, last              float64
	breakers                  int
}

type indexing struct {
	off bool
	lag float64
}

// server is one that the relay delivers to, as its operator sees it.
type server struct {
	host      string
	software  string
	nature    string
	state     string
	lag       uint64
	delivered int64
	givenUp   int64
	trouble   string    // the last error; empty when the server is well
	next      time.Time // of the next try
}

// post is one that the firehose told.
type post struct {
	uri    string
	actor  string
	domain string
	name   string // what the author is called
	acct   string // user@domain
	text   string
	tags   []string
	time   time.Time
	fate   string // what became of it: edited, deleted
	erased bool   // there is no text any more
}

// guide is where to point a client.
type guide struct {
	base  string // of the relay, http://host:port
	token string
	data  string // folder
}

func (g guide) firehose() string { return "ws" + g.base[len("http"):] + "/api/v1/firehose" }
func (g guide) timeline() string { return g.base + "/api/v1/timelines/public" }
func (g guide) search() string   { return g.base + "/api/v2/search" }
func (g guide) inbox() string    { return g.base + "/inbox" }

// commands are lines to copy, each with what it does.
func (g guide) commands(search bool) [][2]string {
	all := [][2]string{
		{"A token, which every relay wants that does not run with --dev", "export TOKEN=" + g.token},
		{"Posts as they happen, and from any point of the log", `websocat "` + g.firehose() + `?access_token=$TOKEN"`},
		{"The same the way Mastodon's apps listen", `curl -N "` + g.base + `/api/v1/streaming/public?access_token=$TOKEN"`},
	}
	if search {
		all = append(all,
			[2]string{"The newest posts, as Mastodon's timeline", `curl "` + g.timeline() + `?limit=3&access_token=$TOKEN"`},
			[2]string{"Search", `curl "` + g.search() + `?q=river&access_token=$TOKEN"`})
	}
	all = append(all,
		[2]string{"What the operator sees", "export DATA=" + g.data},
		[2]string{"", "bin/tributary admin --data $DATA subscribers list"})
	if search {
		all = append(all, [2]string{"", `bin/tributary query --data $DATA "SELECT count() FROM posts FINAL"`})
	}
	return all
}
