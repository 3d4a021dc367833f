package delivery

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
)

// The hour of TestAnHourWithDeadServers. A post comes every 15 s in the mean, so that the
// test makes 300,000 deliveries and not ten million: what a lane does between two posts
// costs the same at any rate.
const (
	hourServers = aThousand
	hourEvery   = time.Minute // a burst
	hourBurst   = 4           // posts, two of them of one actor
	hourActors  = 40
	hourDying   = time.Minute      // the first server dies
	hourDead    = 6 * time.Minute  // the last one has
	hourRevived = 66 * time.Minute // all live again
	hourPosted  = 78 * time.Minute // the last burst
	hourOver    = 82 * time.Minute
	hourPostMax = int(hourPosted/hourEvery+1) * (hourBurst + 1)
)

// heapGrowth is how much more memory may be in use at a later minute: the log of the test
// keeps its records there, 1 KiB each, with what was encoded of them.
const heapGrowth = 4 << 20

// manner is how a server of the town is dead.
type manner int

const (
	lives manner = iota
	hangs
	refuses
	answers503
	flaps // three minutes dead, two alive
	manners
)

func (m manner) String() string {
	return [manners]string{"lives", "hangs", "refuses", "answers 503", "flaps"}[m]
}

// town is a thousand servers without sockets. They keep what the test asks about, and that in
// memory that was there before: whatever grows is the engine's.
type town struct {
	began   time.Time
	log     *fakeLog
	byHost  map[string]*townServer
	servers []*townServer

	mu   sync.Mutex
	late [2][]int // answers of those that live by milliseconds since the post; while others are dead, and after
}

type townServer struct {
	host    string
	manner  manner
	died    time.Duration // since the town began
	latency time.Duration

	mu    sync.Mutex
	asked int                // requests while it was dead
	taken [hourPostMax]uint8 // by seq
	last  [hourActors]uint64 // newest seq taken of an actor
	wrong []string
}

func newTown() *town {
	town := &town{byHost: make(map[string]*townServer, hourServers)}
	for i := range town.late {
		town.late[i] = make([]int, 60_000)
	}
	for i := range hourServers {
		s := &townServer{host: fmt.Sprintf("s%03d.example", i), latency: time.Duration(50+i*37%251) * time.Millisecond}
		if i%10 == 1 || i%10 == 4 || i%10 == 7 {
			s.manner = hangs + manner(i/10)%(manners-1)
			s.died = hourDying + time.Duration(i*7919%int((hourDead-hourDying)/time.Second))*time.Second
		}
		town.servers = append(town.servers, s)
		town.byHost[s.host] = s
	}
	return town
}

func (town *town) inboxes() (list []string) {
	for _, s := range town.servers {
		list = append(list, "https://"+s.host+"/inbox")
	}
	return list
}

// dead reports whether a server is dead at a time since the town began.
func (s *townServer) dead(at time.Duration) bool {
	switch {
	case s.manner == lives, at < s.died, at >= hourRevived:
		return false
	case s.manner == flaps:
		return (at-s.died)%(5*time.Minute) < 3*time.Minute
	}
	return true
}

func (town *town) Do(r *http.Request) (*http.Response, error) {
	s := town.byHost[r.URL.Host]
	seq := seqIn(r)
	status := http.StatusAccepted
	if s.dead(time.Since(town.began)) {
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		switch s.manner {
		case hangs:
			<-r.Context().Done()
			return nil, r.Context().Err()
		case refuses:
			return nil, errDown
		}
		status = http.StatusServiceUnavailable
	}
	pause(r.Context(), s.latency)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if status == http.StatusAccepted {
		s.take(seq)
		town.time(s, seq)
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// seqIn reads the number of a body that hourEntry made.
func seqIn(r *http.Request) uint64 {
	var head [32]byte
	n, _ := io.ReadFull(r.Body, head[:])
	number, _, _ := strings.Cut(strings.TrimPrefix(string(head[:n]), `{"seq":`), ",")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		panic(err)
	}
	return seq
}

func (s *townServer) take(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[seq]++
	actor := actorOf(seq)
	if before := s.last[actor]; before >= seq {
		s.wrong = append(s.wrong, fmt.Sprintf("%d came after %d, which has the same actor", seq, before))
	}
	s.last[actor] = seq
}

// time notes how late a post came to a server that lives.
func (town *town) time(s *townServer, seq uint64) {
	if s.manner != lives {
		return
	}
	phase := 0
	if time.Since(town.began) >= hourRevived {
		phase = 1
	}
	late := int(time.Since(town.log.at(seq)).Milliseconds())
	town.mu.Lock()
	defer town.mu.Unlock()
	town.late[phase][min(late, len(town.late[phase])-1)]++
}

// p99 is the time within which 99 of 100 answers came in a phase.
func (town *town) p99(phase int) (late time.Duration, count int) {
	town.mu.Lock()
	defer town.mu.Unlock()
	for _, n := range town.late[phase] {
		count += n
	}
	seen := 0
	for ms, n := range town.late[phase] {
		if seen += n; seen*100 >= count*99 {
			return time.Duration(ms) * time.Millisecond, count
		}
	}
	return 0, count
}

// actorOf: two posts of a burst have one actor, and its Delete too.
func actorOf(seq uint64) int { return int(seq/2) % hourActors }

// withdrawnPost is a post that was deleted again.
type withdrawnPost struct {
	seq             uint64
	posted, deleted time.Duration
}

// hour is the posts of TestAnHourWithDeadServers.
type hour struct {
	*rig
	town      *town
	withdrawn []withdrawnPost
	deletes   map[uint64]bool // seqs of the Deletes
	heap      map[time.Duration]uint64
	others    int // goroutines that ran before: of the log that other tests have, where it is a Kafka
}

// burst appends posts: their origin and their giver are servers of the town. Every fifth
// burst deletes one of the burst before.
func (h *hour) burst(n int) {
	for range hourBurst {
		h.log.append(h.entry(h.log.Tip() + 1))
	}
	if n%5 != 1 {
		return
	}
	now := time.Since(h.town.began)
	seq := h.log.Tip()
	doomed := seq - hourBurst
	gone := h.entry(seq + 1)
	gone.Record.Kind, gone.Record.Activity = ingest.KindDelete, "Delete"
	gone.Record.Object = fmt.Sprint("https://origin.example/notes/", doomed)
	h.log.withdraw(doomed)
	h.log.append(gone)
	h.deletes[seq+1] = true
	h.withdrawn = append(h.withdrawn, withdrawnPost{doomed, h.log.at(doomed).Sub(h.town.began), now})
}

func (h *hour) entry(seq uint64) *ingest.Entry {
	e := entry(seq, fmt.Sprint("https://origin.example/notes/", seq), fmt.Sprint("https://origin.example/users/", actorOf(seq)))
	e.Record.Domain, e.Record.Giver = h.origin(seq), h.giver(seq)
	e.Record.Raw = fmt.Appendf(nil, `{"seq":%d,"object":%q,"text":%q}`, seq, e.Record.Object, strings.Repeat("x", 1<<10))
	return e
}

func (h *hour) origin(seq uint64) string { return h.town.servers[seq*13%hourServers].host }
func (h *hour) giver(seq uint64) string  { return h.town.servers[seq*29%hourServers].host }

// until lets the time go by, with its bursts.
func (h *hour) until(at time.Duration) {
	for n := int(time.Since(h.town.began) / hourEvery); time.Since(h.town.began) < at; n++ {
		if time.Since(h.town.began) < hourPosted {
			h.burst(n)
		}
		h.pass(hourEvery)
	}
}

// measure notes what is held at a minute.
func (h *hour) measure() {
	h.t.Helper()
	at := time.Since(h.town.began).Round(time.Minute)
	runtime.GC()
	runtime.GC() // what pools kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.heap[at] = m.HeapAlloc
	lanes, flying := 0, 0
	list, err := h.engine.Status(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range list {
		flying += s.InFlight
		lanes++
		server := h.town.byHost[s.Host]
		if server.manner == lives || server.manner == flaps {
			continue
		}
		if s.State != StateFailing || s.Unsettled > probeAhead+probeRead || s.LastError == "" {
			h.t.Errorf("after %v, a server that %v: %+v", at, server.manner, s)
		}
	}
	n := runtime.NumGoroutine() - h.others
	if n > 2*lanes+flying+shards+30 {
		h.t.Errorf("after %v: %d goroutines for %d lanes and %d requests", at, n, lanes, flying)
	}
	h.t.Logf("after %v: heap %.1f MiB, %d goroutines, %d requests in flight", at, float64(m.HeapAlloc)/(1<<20), n, flying)
}

// TestAnHourWithDeadServers: a thousand subscribers, of whom 300 hang, refuse
// connections, answer 503 or come and go for an hour. The others notice nothing, memory
// stays as it is, the dead are asked as often as their breakers allow, and have everything when
// they are back. The clock is not real; what the processors take is left out of it.
func TestAnHourWithDeadServers(t *testing.T) {
	town := newTown()
	bubble(t, town.inboxes(), func(t *testing.T, r *rig) {
		h := &hour{rig: r, town: town, deletes: map[uint64]bool{}, heap: map[time.Duration]uint64{}, others: runtime.NumGoroutine()}
		town.log, town.began = r.log, time.Now()
		r.client = town
		r.start()
		for _, at := range []time.Duration{10, 30, 60} {
			h.until(at * time.Minute)
			h.measure()
		}
		for _, at := range []time.Duration{30, 60} {
			if grown := int64(h.heap[at*time.Minute]) - int64(h.heap[10*time.Minute]); grown > heapGrowth {
				t.Errorf("%d minutes: %d KiB more than after ten", at, grown>>10)
			}
		}
		h.until(hourRevived)
		asked := h.asked()
		h.until(hourOver)
		h.judge(asked)
	})
}

// asked is how often each server was asked while it was dead.
func (h *hour) asked() []int {
	list := make([]int, hourServers)
	for i, s := range h.town.servers {
		s.mu.Lock()
		list[i] = s.asked
		s.mu.Unlock()
	}
	return list
}

func (h *hour) judge(asked []int) {
	for phase, what := range []string{"while others are dead", "while they catch up"} {
		late, count := h.town.p99(phase)
		h.t.Logf("%s: %d answers of those that live, 99 of 100 within %v", what, count, late)
		if late > time.Second || count == 0 {
			h.t.Errorf("%s: 99 of 100 answers came within %v", what, late)
		}
	}
	sum := [manners]int{}
	for i, s := range h.town.servers {
		h.complete(s)
		sum[s.manner] += asked[i]
		if s.manner == lives || s.manner == flaps {
			continue
		}
		least, most := probes(hourRevived-s.died, s.manner)
		if n := asked[i]; n < least || n > most+8 { // what flew when it died
			h.t.Errorf("%s, which %v, was asked %d times, want %d to %d", s.host, s.manner, n, least, most)
		}
	}
	h.t.Logf("%d posts; requests to the dead: %v", h.log.Tip(), sum)
	list, err := h.engine.Status(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range list {
		if s.State != StateLive || s.Lag != 0 || s.InFlight != 0 || s.GivenUp != 0 || s.Missed != 0 || !s.FailingSince.IsZero() {
			h.t.Errorf("in the end: %+v", s)
		}
	}
	if n := h.engine.slots.free.Load(); n != int64(h.engine.cfg.ExtraMax) {
		h.t.Errorf("%d slots are free in the end", n)
	}
}

// complete checks that a server has each post once, in order, and nothing that is not for it.
func (h *hour) complete(s *townServer) {
	h.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := make(map[uint64]withdrawnPost)
	for _, w := range h.withdrawn {
		gone[w.seq] = w
	}
	var wrong []string
	for seq := uint64(1); seq <= h.log.Tip(); seq++ {
		n := s.taken[seq]
		w, deleted := gone[seq]
		switch {
		case h.origin(seq) == s.host || h.giver(seq) == s.host:
			if n > 0 {
				wrong = append(wrong, fmt.Sprintf("%d came back", seq))
			}
		case deleted:
			// A minute after its death a lane holds nothing any more.
			if away := s.manner != lives && s.manner != flaps && s.died+time.Minute < w.posted && w.deleted < hourRevived; n > 1 || n > 0 && away {
				wrong = append(wrong, fmt.Sprintf("%d came %d times, and was deleted before the server was back", seq, n))
			}
		case n != 1:
			wrong = append(wrong, fmt.Sprintf("%d came %d times", seq, n))
		}
	}
	wrong = append(wrong, s.wrong...)
	if len(wrong) > 0 {
		h.t.Errorf("%s, which %v: %d wrong: %s", s.host, s.manner, len(wrong), strings.Join(wrong[:min(5, len(wrong))], "; "))
	}
}

// probes is how often a server that was dead so long may have been asked: by the longest
// pauses of backoff, and by the shortest.
func probes(dead time.Duration, how manner) (least, most int) {
	count := func(part, answer time.Duration) (n int) {
		for at := time.Duration(0); at <= dead; n++ {
			at += min(backoffMax, 2*backoffMin<<min(n, 20))/part + answer
		}
		return n
	}
	answer := time.Duration(0)
	if how == hangs {
		answer = 10 * time.Second // Config.Timeout
	}
	// The last of them may be under way, and the first comes with a post.
	return count(1, answer+time.Second) - 2, count(2, answer) + 1
}
