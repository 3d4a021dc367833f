package delivery

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
)

// crowd is many servers over real sockets, each with an address of its own: one listener
// takes connections for all of 127.0.0.0/8. Some of them have another port, which can be
// closed.
type crowd struct {
	t       testing.TB
	servers []*crowdServer
	byHost  map[string]*crowdServer
	doors   [2]*door

	mu     sync.Mutex
	answer func(s *crowdServer, n int) manner // how post n is taken; guarded by mu
	freed  chan struct{}                      // closed when those that hang let go; guarded by mu
	news   chan struct{}                      // closed when something was taken; guarded by mu
}

// door is a port.
type door struct {
	address string
	server  *http.Server
	done    chan struct{}
}

type crowdServer struct {
	index int
	host  string
	came  []arrival // guarded by crowd.mu
}

// arrival is a post that was answered 202, by its number.
type arrival struct {
	n  int
	at time.Time
}

// newCrowd starts count servers; those of which closable says so are at the second door.
func newCrowd(t testing.TB, count int, closable func(index int) bool) *crowd {
	c := &crowd{t: t, byHost: make(map[string]*crowdServer), freed: make(chan struct{}), news: make(chan struct{})}
	c.behave(func(*crowdServer, int) manner { return lives })
	for i := range c.doors {
		c.doors[i] = &door{address: "0.0.0.0:0"}
		c.open(i)
		t.Cleanup(func() { c.shut(i) })
	}
	t.Cleanup(c.free) // before the doors wait for their handlers
	for i := range count {
		d := c.doors[0]
		if closable(i) {
			d = c.doors[1]
		}
		_, port, _ := net.SplitHostPort(d.address)
		s := &crowdServer{index: i, host: fmt.Sprintf("127.1.%d.%d:%s", i/250, 1+i%250, port)}
		c.servers, c.byHost[s.host] = append(c.servers, s), s
	}
	return c
}

// open listens at a door, on the port that it had before.
func (c *crowd) open(i int) {
	c.t.Helper()
	d := c.doors[i]
	listener, err := net.Listen("tcp4", d.address)
	if err != nil {
		c.t.Fatal(err)
	}
	d.address = listener.Addr().String()
	d.server, d.done = &http.Server{Handler: c}, make(chan struct{})
	go func() {
		defer close(d.done)
		_ = d.server.Serve(listener)
	}()
}

// shut makes a door refuse connections.
func (c *crowd) shut(i int) {
	_ = c.doors[i].server.Close()
	<-c.doors[i].done
}

func (c *crowd) behave(f func(s *crowdServer, n int) manner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

// free lets those go that hang, and nobody hangs any more.
func (c *crowd) free() {
	c.behave(func(*crowdServer, int) manner { return lives })
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.freed)
	c.freed = make(chan struct{})
}

var noteNumber = regexp.MustCompile(`/notes/(\d+)`)

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	found := noteNumber.FindSubmatch(body)
	if err != nil || found == nil {
		return
	}
	n, _ := strconv.Atoi(string(found[1]))
	s := c.byHost[r.Host]
	c.mu.Lock()
	how, freed := c.answer(s, n), c.freed
	c.mu.Unlock()
	switch how {
	case hangs:
		select {
		case <-freed:
		case <-r.Context().Done():
			return
		}
	case answers503:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.came = append(s.came, arrival{n, time.Now()})
	close(c.news)
	c.news = make(chan struct{})
	w.WriteHeader(http.StatusAccepted)
}

// subscribers is the crowd as an engine is told of it: all take one signature.
func (c *crowd) subscribers() *fakeSubscribers {
	subs := subscribed()
	subs.signings = make(map[string]Signing)
	for _, s := range c.servers {
		inbox := s.inbox()
		subs.inboxes = append(subs.inboxes, inbox)
		subs.signings[inbox] = Signing{Shared: true}
	}
	return subs
}

func (s *crowdServer) inbox() string { return "http://" + s.host + "/inbox" }

// taken is what each server has taken so far.
func (c *crowd) taken() map[*crowdServer][]arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[*crowdServer][]arrival, len(c.servers))
	for _, s := range c.servers {
		all[s] = slices.Clone(s.came)
	}
	return all
}

// await waits until the condition holds, which is asked whenever something was taken.
func (c *crowd) await(what string, condition func() bool) {
	c.t.Helper()
	for deadline := time.After(2 * time.Minute); ; {
		c.mu.Lock()
		news, ok := c.news, condition()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
			time.Sleep(20 * time.Millisecond) // others come meanwhile
		case <-deadline:
			c.t.Fatalf("%s: not after two minutes", what)
		}
	}
}

// have reports whether servers took all posts from first to last. c.mu is held.
func have(servers []*crowdServer, first, last int) bool {
	for _, s := range servers {
		if len(s.came) < last-first+1 {
			return false
		}
		var seen [crowdPostsMax]bool
		for _, a := range s.came {
			seen[a.n] = true
		}
		if slices.Contains(seen[first:last+1], false) {
			return false
		}
	}
	return true
}

// socketPost is post n of a test, by one of seven actors.
func socketPost(n int) *ingest.Record { return post(fmt.Sprintf("origin%d.example", n%7), n) }

const (
	crowdLanes    = aThousand
	crowdPostsMax = 64 // above the number of any post
)

// TestAThousandSocketsOfWhichSomeAreDead: of a thousand subscribers 300 hang, refuse
// connections or answer 503. The others have each post while the dead are still dead, and
// those have all when they are back. How long it took is in the log of the test: with
// sockets on a machine that does other things too it proves nothing.
func TestAThousandSocketsOfWhichSomeAreDead(t *testing.T) {
	refusing := func(i int) bool { return i%10 == 1 }
	dead := func(i int) bool { return i%10 == 1 || i%10 == 4 || i%10 == 7 }
	env := ingesttest.New(t)
	signer, _ := testSigner(t)
	c := newCrowd(t, crowdLanes, refusing)
	var live []*crowdServer
	for _, s := range c.servers {
		if !dead(s.index) {
			live = append(live, s)
		}
	}
	e, stop := run(t, env, Config{Timeout: time.Hour}, signer, c.subscribers())
	waitForLanes(t, e, crowdLanes)

	const posts = 6 // of a phase
	c.phase(env, "connections are opened", live, 1, posts)
	c.await("everybody before the deaths", func() bool { return have(c.servers, 1, posts) })
	c.phase(env, "all live", live, posts+1, 2*posts)
	c.await("everybody before the deaths", func() bool { return have(c.servers, 1, 2*posts) })

	c.shut(1)
	c.behave(func(s *crowdServer, _ int) manner {
		switch {
		case s.index%10 == 4:
			return hangs
		case s.index%10 == 7:
			return answers503
		}
		return lives
	})
	c.phase(env, "three of ten are dead", live, 2*posts+1, 3*posts)
	for s, came := range c.taken() {
		if dead(s.index) && len(came) != 2*posts {
			t.Errorf("%s is dead and took %d posts", s.host, len(came)-2*posts)
		}
	}

	c.open(1)
	c.free()
	c.await("those who are back", func() bool { return have(c.servers, 1, 3*posts) })
	waitForLag(t, e, 0)
	stop()
	for s, came := range c.taken() {
		if len(came) != 3*posts {
			t.Errorf("%s took %d posts, want each of %d once", s.host, len(came), 3*posts)
		}
	}
}

// phase appends the posts from first to last, waits until those that live have them, and
// logs how late they came.
func (c *crowd) phase(env *ingesttest.Env, what string, live []*crowdServer, first, last int) {
	c.t.Helper()
	posted := make(map[int]time.Time)
	for n := first; n <= last; n++ {
		posted[n] = time.Now()
		if err := env.Log.Append(c.t.Context(), socketPost(n)); err != nil {
			c.t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.await(what+": those that live", func() bool { return have(live, first, last) })
	var late []time.Duration
	taken := c.taken()
	for _, s := range live {
		for _, a := range taken[s] {
			if at, ok := posted[a.n]; ok {
				late = append(late, a.at.Sub(at))
			}
		}
	}
	slices.Sort(late)
	c.t.Logf("%s: %d posts to %d servers that live, half within %v, 99 of 100 within %v, all within %v", what, last-first+1, len(live),
		late[len(late)/2].Round(time.Millisecond), late[len(late)*99/100].Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond))
}

// TestRestartWithAThousandLanesLosesNoPosition: a thousand lanes at different places, some
// with gaps behind them, because their servers hold one post or answer 503 from some post on.
// The program ends in order, or is killed: the copy of the state database is what a kill at that
// moment leaves. The saved position of a lane is never past a post that its server has
// not taken; each lane goes on there, and nothing is missing.
func TestRestartWithAThousandLanesLosesNoPosition(t *testing.T) {
	for _, how := range []string{"closed", "killed"} {
		t.Run(how, func(t *testing.T) { restartThousand(t, how == "killed") })
	}
}

const (
	restartPosts = 16
	restartLater = 5 // posts while nobody delivers, or right after
)

func restartThousand(t *testing.T, killed bool) {
	dir := t.TempDir()
	broker := ingesttest.NewBroker(t, t.TempDir())
	env := ingesttest.NewOn(t, broker, dir)
	signer, _ := testSigner(t)
	c := newCrowd(t, crowdLanes, func(int) bool { return false })
	c.behave(func(s *crowdServer, n int) manner {
		most := 1 + s.index%restartPosts
		switch {
		case s.index%3 == 0 && n == most/2:
			return hangs
		case n > most:
			return answers503
		}
		return lives
	})
	cfg := Config{Timeout: time.Hour, SaveEvery: 50 * time.Millisecond, Drain: 10 * time.Millisecond}
	e, stop := run(t, env, cfg, signer, c.subscribers())
	waitForLanes(t, e, crowdLanes)
	for n := 1; n <= restartPosts; n++ {
		if err := env.Log.Append(t.Context(), socketPost(n)); err != nil {
			t.Fatal(err)
		}
	}
	c.await("half of the posts that will be taken", func() bool {
		count := 0
		for _, s := range c.servers {
			count += len(s.came)
		}
		return count > crowdLanes*restartPosts/4
	})
	numbers := numbersOf(t, env)
	awaitPlaces(t, env, numbers)

	var saved map[string]row
	var then map[*crowdServer][]arrival // what was taken when the positions had been saved
	if killed {
		dir = ingesttest.CopyState(t, dir)
		then = c.taken()
		stop()
		env.Stop()
		env = ingesttest.NewOn(t, broker, dir)
		saved = positions(t, env)
	} else {
		stop()
		then, saved = c.taken(), positions(t, env)
		for inbox, l := range e.lanes {
			if have := l.work.position(); saved[inbox].position != have {
				t.Errorf("%s: position %d is saved, and the lowest that is not settled is %d", inbox, saved[inbox].position, have)
			}
		}
		env.Append(socketPost(restartPosts + 1))
		env.Stop()
		env.Start()
	}
	before := c.taken()
	next := make(map[*crowdServer]int) // post at the position
	for _, s := range c.servers {
		at := placeOf(numbers, saved[s.inbox()])
		next[s] = at
		if lacks := lowestLacking(then[s]); at > lacks {
			t.Errorf("%s: the position is at post %d, and post %d was not taken", s.host, at, lacks)
		}
	}

	c.free()
	began := time.Now()
	e, stop = run(t, env, Config{}, signer, c.subscribers())
	waitForLanes(t, e, crowdLanes)
	t.Logf("%d lanes started within %v", crowdLanes, time.Since(began).Round(time.Millisecond))
	for n := restartPosts + 1; n <= restartPosts+restartLater; n++ {
		env.Append(socketPost(n)) // the first of them may be a repeat, which the log drops
	}
	c.await("all posts", func() bool { return have(c.servers, 1, restartPosts+restartLater) })
	stop()
	for s, came := range c.taken() {
		for _, a := range came[len(before[s]):] {
			if a.n < next[s] {
				t.Errorf("%s: post %d came again, before the position at post %d", s.host, a.n, next[s])
			}
		}
	}
}

// awaitPlaces waits until the saved positions of the lanes are those of several posts: a database
// that writes a thousand rows more slowly than the posts come has all of them at the first.
func awaitPlaces(t *testing.T, env *ingesttest.Env, numbers map[uint64]int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		lanes := make(map[int]int)
		for _, r := range positions(t, env) {
			lanes[placeOf(numbers, r)]++
		}
		if len(lanes) >= restartPosts/4 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after two minutes the lanes stand at %d places: %v", len(lanes), lanes)
		}
	}
}

// placeOf is the number of the post at the position of a lane.
func placeOf(numbers map[uint64]int, r row) int {
	if n, ok := numbers[r.position]; ok {
		return n
	}
	return restartPosts + 1
}

// numbersOf maps the seqs of the log to the numbers of the posts.
func numbersOf(t *testing.T, env *ingesttest.Env) map[uint64]int {
	t.Helper()
	numbers := make(map[uint64]int)
	r := env.Tail.Reader(ingest.ViewLane, 0)
	for len(numbers) < restartPosts {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		batch, err := r.Next(ctx, 100)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range batch.Entries {
			_, n, _ := strings.Cut(entry.Record.Object, "/notes/")
			numbers[entry.Record.Seq], _ = strconv.Atoi(n)
		}
	}
	return numbers
}

// positions is the table lanes.
func positions(t *testing.T, env *ingesttest.Env) map[string]row {
	t.Helper()
	rows, err := stored(t.Context(), env.DB)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != crowdLanes {
		t.Fatalf("%d lanes are stored", len(rows))
	}
	all := make(map[string]row)
	for _, r := range rows {
		all[r.inbox] = r
	}
	return all
}

// lowestLacking is the first post that is not among those taken.
func lowestLacking(came []arrival) int {
	seen := make(map[int]bool)
	for _, a := range came {
		seen[a.n] = true
	}
	n := 1
	for seen[n] {
		n++
	}
	return n
}

// BenchmarkStart is the time until a thousand lanes serve, with their rows in the table.
func BenchmarkStart(b *testing.B) {
	env := ingesttest.New(b)
	key, err := signature.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	signer := signature.NewSigner(testActor+"#main-key", key, 0)
	subs := subscribed()
	for i := range crowdLanes {
		subs.inboxes = append(subs.inboxes, fmt.Sprintf("https://s%d.example/inbox", i))
	}
	_, stop := run(b, env, Config{}, signer, subs) // makes the rows
	stop()
	for b.Loop() {
		e, stop := run(b, env, Config{}, signer, subs)
		for e.laneCount() < crowdLanes {
			time.Sleep(100 * time.Microsecond)
		}
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}

func (e *Engine) laneCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.lanes)
}
