//go:build e2e && linux

package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// The world of TestIsolation.
const (
	isolationSenders     = 3
	isolationSubscribers = 20
	isolationBad         = isolationSubscribers / 5
)

// longerThanTest lets a server hold a delivery for as long as the test wants.
const longerThanTest = "TRIBUTARY_DELIVERY_TIMEOUT=10m"

// I3: what one server does changes nothing for the others. Nothing is timed: the
// others are done while the bad ones are still bad.
func TestIsolation(t *testing.T) {
	i := newIsolation(t)
	i.holdResponses()
	i.refuseAll()
	i.answerOddly()
	i.holdKeys()
	i.lie()

	await(t, "the firehose", i.load.unseen(i.stream))
	rightFrames(t, i.stream)
	posts := i.load.posts()
	for _, s := range i.everybody() {
		for _, wrong := range wrongDeliveries(s, i.load.index(s), posts) {
			t.Errorf("%s: %s", s.Host(), wrong)
		}
	}
	if err := i.program.stop(); err != nil {
		t.Error(err)
	}
}

type isolation struct {
	*testing.T
	program   *program
	load      *load
	stream    *reader
	bad, good []*simulator.Server // the subscribers
	keyless   *simulator.Server   // its documents will not be had
	liar      *simulator.Server
	posted    int
}

func newIsolation(t *testing.T) *isolation {
	program := newProgram(t, "")
	program.startReady(longerThanTest)
	world := newWorld(t, 1)
	i := &isolation{T: t, program: program, stream: read(t, program.firehose())}
	i.load = newLoad(t, world, program.inbox(), isolationSenders, isolationSubscribers)
	i.bad, i.good = i.load.subscribers[:isolationBad], i.load.subscribers[isolationBad:]
	i.keyless = simulated(t, world, simulator.Config{Name: "keyless"})
	i.liar = simulated(t, world, simulator.Config{Name: "liar"})
	follow(t, program.inbox(), append(i.everybody(), i.keyless, i.liar)...)
	return i
}

func (i *isolation) everybody() []*simulator.Server {
	return slices.Concat(i.load.senders, i.load.subscribers)
}

func (i *isolation) others() []*simulator.Server { return slices.Concat(i.load.senders, i.good) }

func (i *isolation) step(name string) { i.Helper(); i.Logf("step: %s", name) }

// burst is some more posts, all of which are acknowledged.
func (i *isolation) burst(count int) {
	i.Helper()
	i.load.burst(i.posted, count)
	i.posted += count
}

// A fifth of the subscribers hold their responses open.
func (i *isolation) holdResponses() {
	i.step("a fifth hold their responses open")
	before := make([]int, len(i.bad))
	for n, s := range i.bad {
		s.Behave(simulator.Behaviour{Inbox: simulator.Hold()})
		before[n] = len(s.Deliveries())
	}
	i.burst(60)
	await(i.T, "those who hold nothing", i.load.lacking(i.others()...))
	await(i.T, "the firehose", i.load.unseen(i.stream))

	// A delivery is in the list once it was answered: none was, so all were held.
	letGo := time.Now()
	for n, s := range i.bad {
		if got := len(s.Deliveries()); got != before[n] {
			i.Errorf("%s holds its responses, and %d deliveries ended", s.Host(), got-before[n])
		}
		s.Behave(simulator.Behaviour{})
	}
	await(i.T, "those who let go", i.load.lacking(i.bad...))
	for n, s := range i.bad {
		held := 0
		for _, d := range s.Deliveries()[before[n]:] {
			if d.Time.Before(letGo) {
				held++
			}
		}
		if held == 0 {
			i.Errorf("%s held nothing", s.Host())
		}
	}
}

// All servers refuse for a while, with and without Retry-After.
func (i *isolation) refuseAll() {
	i.step("all answer 503")
	before := map[*simulator.Server]int{}
	for n, s := range i.everybody() {
		before[s] = len(s.Deliveries())
		s.Behave(simulator.Behaviour{Inbox: simulator.Status(http.StatusServiceUnavailable, time.Duration(n%2)*2*time.Second)})
	}
	i.burst(30)
	await(i.T, "refusals", func() (missing []string) {
		for _, s := range i.everybody() {
			if len(s.Deliveries()) < before[s]+2 { // the first, and a probe
				missing = append(missing, s.Host()+" was not tried again")
			}
		}
		return missing
	})
	for _, s := range i.everybody() {
		s.Behave(simulator.Behaviour{})
	}
	await(i.T, "those who refused", i.load.lacking(i.everybody()...))
}

// An endless body, and one that comes byte by byte.
func (i *isolation) answerOddly() {
	i.step("endless and slow answers")
	for n, s := range i.bad {
		answer := simulator.Endless()
		if n%2 == 0 {
			answer = simulator.Slow(100 * time.Millisecond)
		}
		s.Behave(simulator.Behaviour{Inbox: answer})
	}
	i.burst(30)
	await(i.T, "those who answer well", i.load.lacking(i.others()...))
	await(i.T, "those who answer oddly", i.load.lacking(i.bad...)) // they did say 202
	for _, s := range i.bad {
		s.Behave(simulator.Behaviour{})
	}
}

// A server's keys and objects will not be had; what it posts waits, and so does
// what others announce of it.
func (i *isolation) holdKeys() {
	i.step("a slow key server")
	for _, name := range []string{"late0", "late1", "late2"} {
		i.keyless.Add(simulator.Account{Name: name, Discoverable: true, Indexable: true})
	}
	i.keyless.Behave(simulator.Behaviour{Documents: simulator.Hold()})
	waiting, cancel := context.WithCancel(i.Context())
	defer cancel()
	var answers sync.Map // of the posts that wait for a key
	var posting sync.WaitGroup
	var objects []string
	for n := range 24 {
		activity, err := i.keyless.Create(simulator.Post{Author: "late" + string(rune('0'+n%3))})
		if err != nil {
			i.Fatal(err)
		}
		objects = append(objects, activity.Object)
		posting.Go(func() {
			response, _, err := i.keyless.Deliver(waiting, i.load.inbox, activity, senderRetry)
			if err == nil {
				answers.Store(activity.Object, response.Status)
			}
		})
	}
	boosted, err := i.keyless.Create(simulator.Post{Author: "late0"})
	if err != nil {
		i.Fatal(err)
	}
	_, response, err := i.load.senders[0].Boost(i.Context(), i.load.inbox, simulator.Instance, boosted.Object)
	if err != nil || response.Status != http.StatusAccepted {
		i.Fatalf("boost: %d %q, %v", response.Status, response.Body, err)
	}
	i.burst(30) // with boosts of the quiet server, whose objects must be fetched
	await(i.T, "those whose keys can be had", i.load.lacking(i.everybody()...))
	await(i.T, "the firehose", i.load.unseen(i.stream))
	answers.Range(func(object, status any) bool {
		i.Errorf("%s was answered %d without its key", object, status)
		return true
	})
	i.absent("a server without keys", i.keyless)

	i.keyless.Behave(simulator.Behaviour{})
	posting.Wait()
	answers.Range(func(object, status any) bool {
		if status != http.StatusAccepted {
			i.Errorf("%s was answered %d once its key could be had", object, status)
		}
		return true
	})
	await(i.T, "posts whose key came late", func() (missing []string) {
		for _, s := range i.everybody() {
			got := s.Received()
			for _, object := range objects {
				if !slices.Contains(got, object) {
					missing = append(missing, s.Host()+" lacks "+object)
				}
			}
		}
		return missing
	})
}

// A server whose documents are false: under another server's id, or with a key
// that is another server's. The latter proves nothing; objects that are fetched
// need no key, so only the former are announced.
func (i *isolation) lie() {
	i.step("a lying host")
	for name, lie := range map[string]simulator.Lie{"wrong": simulator.WrongID, "foreign": simulator.ForeignKey} {
		i.liar.Behave(simulator.Behaviour{Lie: lie})
		for n := range 3 {
			account := name + string(rune('0'+n)) // nobody knows them yet
			i.liar.Add(simulator.Account{Name: account, Discoverable: true, Indexable: true})
			posted, response, err := i.liar.Post(i.Context(), i.load.inbox, simulator.Post{Author: account})
			// 401, or 503 when the server that it names cannot be asked now.
			if err != nil || response.Status != http.StatusUnauthorized && response.Status != http.StatusServiceUnavailable {
				i.Errorf("a liar's post was answered %d %q, %v", response.Status, response.Body, err)
			}
			if lie != simulator.WrongID {
				continue
			}
			_, response, err = i.load.senders[n].Boost(i.Context(), i.load.inbox, simulator.Instance, posted.Object)
			if err != nil || response.Status != http.StatusAccepted {
				i.Errorf("a boost of a liar's post was answered %d %q, %v", response.Status, response.Body, err)
			}
		}
		i.burst(30)
		await(i.T, "honest posts", i.load.lacking(i.everybody()...))
	}
	await(i.T, "the firehose", i.load.unseen(i.stream))
	i.absent("a liar", i.liar)
}

// absent checks that nothing of a server got out.
func (i *isolation) absent(what string, of *simulator.Server) {
	i.Helper()
	frames, _ := i.stream.all()
	for _, f := range frames {
		if f.Domain == of.Host() || strings.Contains(f.URI+f.Actor, of.Host()) || strings.Contains(f.URI+f.Actor, "victim.example") {
			i.Errorf("%s is on the firehose: %s %s", what, f.Kind, f.URI)
		}
	}
	for _, s := range i.everybody() {
		for _, d := range s.Deliveries() {
			if d.About() && (strings.HasPrefix(d.Object, of.URL("/")) || strings.Contains(d.Object, "victim.example")) {
				i.Errorf("%s reached %s: %s %s", what, s.Host(), d.Type, d.Object)
			}
		}
	}
}
