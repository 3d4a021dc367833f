//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest/testseed"
	"tributary/relay/simulator"
	"tributary/relay/simulator/model"
)

// The fediverse of TestFediverse.
const (
	fediverseServers   = 20
	fediverseStrangers = 2 // send, and did not subscribe
	fediverseSilent    = 2 // send nothing: others bring what they write
	fediverseTurns     = 330
)

// fickle are people who often change their minds, or where they live.
var fickle = simulator.Habits{Post: 48, Edit: 14, Delete: 8, Boost: 3, Bring: 6, Change: 8, Leave: 3, Like: 1, Disorder: 5, Repeat: 4}

// Servers of all softwares, some of them slow, dead, lying or flooding, write, edit, delete,
// boost and opt out. What the program answers is told to the model, and everything that it
// then shows or sends is what the model says, live and replayed, before and after a kill
// (I2, I4, I5, I7).
func TestFediverse(t *testing.T) {
	f := newFediverse(t)
	f.live = read(t, f.program.firehose())
	f.play(fediverseTurns)
	f.check("live")

	f.swap()
	f.program.killAll()
	f.raise()
	f.program.startReady()
	if f.indexed {
		f.program.indexReady()
	}
	f.play(fediverseTurns / 10)
	f.check("after a kill")
	if err := f.program.stop(); err != nil {
		t.Error(err)
	}
}

type fediverse struct {
	*testing.T
	program *program
	indexed bool
	world   *simulator.World
	members []*simulator.Server // subscribed
	senders []*simulator.Server // members and strangers
	silent  []*simulator.Server
	live    *reader
	risen   bool // the dead are back

	mu        sync.Mutex // guards what follows
	model     *model.Model
	wrong     []string          // answers
	unsettled map[string]string // activities that were not answered yet
	sent      map[string]int
	slowest   time.Duration
}

func newFediverse(t *testing.T) *fediverse {
	f := &fediverse{
		T: t, indexed: engineInstalled(t), world: newWorld(t, testseed.Of(t)), model: model.New(), unsettled: map[string]string{}, sent: map[string]int{},
	}
	if f.indexed {
		f.program = newIndexed(t)
	} else {
		f.program = newProgram(t, "")
	}
	f.program.startReady()
	f.program.dumpIfFailed()
	if f.indexed {
		f.program.indexReady()
	}
	all, err := f.world.Populate(simulator.Population{
		Servers: fediverseServers + fediverseSilent, Accounts: 6, Lying: 0.1, Flooding: 0.05, Slow: 0.1, Dead: 0.1, Pause: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.senders, f.silent = all[:fediverseServers], all[fediverseServers:]
	f.members = f.senders[:fediverseServers-fediverseStrangers]
	f.subscribe()
	return f
}

// engineInstalled reports whether the index can be had here; what it answers goes unchecked
// otherwise.
func engineInstalled(t *testing.T) bool {
	t.Helper()
	libraries, err := filepath.Glob("../../../index/engine/node_modules/@chdb/*/libchdb.so")
	if err != nil {
		t.Fatal(err)
	}
	return len(libraries) > 0
}

// subscribe makes the members members, each in the way of its software; what the relay does
// not offer, and what has no relays, is subscribed by the inbox.
func (f *fediverse) subscribe() {
	f.Helper()
	var following sync.WaitGroup
	for _, s := range f.members {
		following.Go(func() {
			ctx, cancel := context.WithTimeout(f.Context(), settleTime)
			defer cancel()
			_, response, err := s.Subscribe(ctx, f.program.inbox(), f.program.actor())
			if err != nil || !response.OK() {
				_, response, err = s.Follow(ctx, f.program.inbox())
			}
			if err != nil || !response.OK() {
				f.Errorf("%s: follow: %d %q, %v", s.Software(), response.Status, response.Body, err)
				return
			}
			if state, err := s.AwaitFollow(ctx, f.program.inbox()); err != nil || state != simulator.FollowAccepted {
				f.Errorf("%s: follow: %q, %v", s.Software(), state, err)
			}
		})
	}
	following.Wait()
	if f.Failed() {
		f.FailNow()
	}
	for _, s := range f.members {
		f.model.Subscribe(s.Host())
	}
}

// swap lets one member leave, and a stranger in.
func (f *fediverse) swap() {
	f.Helper()
	last := len(f.members) - 1
	leaves, joins := f.members[last], f.senders[len(f.senders)-1]
	if _, response, err := leaves.Unfollow(f.Context(), f.program.inbox()); err != nil || !response.OK() {
		f.Fatalf("%s leaves: %d %q, %v", leaves.Software(), response.Status, response.Body, err)
	}
	if err := subscribe(f.Context(), f.program.inbox(), joins); err != nil {
		f.Fatal(err)
	}
	f.model.Unsubscribe(leaves.Host())
	f.model.Subscribe(joins.Host())
	f.members = append(slices.Clone(f.members), joins) // who left is looked at too: nothing must come
}

// raise brings the dead back, who must get what they missed.
func (f *fediverse) raise() {
	f.Helper()
	for _, s := range f.members {
		if s.Nature() == simulator.Dead {
			if err := s.Up(); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.risen = true
}

// play lets the servers do what they do for a while.
func (f *fediverse) play(turns int) {
	f.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(f.Context(), 2*settleTime)
	defer cancel()
	err := f.world.Run(ctx, simulator.Traffic{
		Inbox: f.program.inbox(), Servers: f.senders, Silent: f.silent, Count: turns, Retry: senderRetry, Each: f.answered, Habits: fickle,
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, answer := range f.unsettled {
		f.Errorf("%s was never settled: %s", id, answer)
	}
	if err != nil || ctx.Err() != nil {
		f.Fatalf("the fediverse did not finish: %v, %v", err, ctx.Err())
	}
	f.Logf("played in %s, slowest answer %s; answers: %v; posts by tier: %v", time.Since(began).Round(time.Millisecond), f.slowest, f.sent, f.model.Tally())
}

// answered tells the model what the program said.
func (f *fediverse) answered(sent simulator.Sent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	means := sent.Activity.Means
	means.Invalid = sent.Spoil != simulator.Sound
	f.sent[fmt.Sprint(sent.Response.Status, " ", means.Kind)]++
	f.slowest = max(f.slowest, sent.Took)
	if sent.Err != nil || sent.Response.Status >= http.StatusInternalServerError || sent.Response.Status == http.StatusUnauthorized && !means.Invalid {
		if !means.Invalid && !means.Forged && !sent.Repeated {
			f.unsettled[sent.Activity.ID] = fmt.Sprintf("%d %s, %v", sent.Response.Status, sent.Response.Body, sent.Err)
		}
		return
	}
	delete(f.unsettled, sent.Activity.ID)
	if wrong := f.model.Answered(means, sent.Response.Status); wrong != "" {
		f.wrong = append(f.wrong, fmt.Sprintf("%s %s: %s: %s", sent.Server.Software(), sent.Spoil, wrong, sent.Response.Body))
	}
}

// check holds everything that can be seen against the model.
func (f *fediverse) check(when string) {
	f.Helper()
	began := time.Now()
	for _, wrong := range f.wrong {
		f.Errorf("%s: %s", when, wrong)
	}
	f.wrong = nil
	for _, s := range f.members {
		if s.Nature() != simulator.Dead || f.risen {
			f.settles(when+": the inbox of "+s.Software()+" "+s.Host(), func() (missing, wrong []string) {
				return f.model.Inbox(s.Host(), deliveries(s))
			})
		}
	}
	f.settles(when+": the live stream", func() (missing, wrong []string) { return f.model.Stream(shownIn(f.live), false) })
	replay := read(f.T, f.program.firehose())
	f.settles(when+": the replay", func() (missing, wrong []string) { return f.model.Stream(shownIn(replay), true) })
	for _, r := range []*reader{f.live, replay} {
		if _, err := r.all(); err != nil {
			f.Errorf("%s: the firehose: %v", when, err)
		}
	}
	if f.indexed {
		f.surfaces(when)
	}
	replay.close()
	f.Logf("%s: checked in %s", when, time.Since(began).Round(time.Millisecond))
}

// settles waits until nothing is missing, and reports what is wrong.
func (f *fediverse) settles(what string, look func() (missing, wrong []string)) {
	f.Helper()
	var wrong, last []string
	done := false
	defer func() {
		if !done {
			f.explain(last)
		}
	}()
	await(f.T, what, func() (missing []string) {
		missing, wrong = look()
		last = missing
		if len(wrong) > 0 {
			return nil // nothing mends that
		}
		return missing
	})
	done = true
	f.explain(wrong)
	for n, problem := range wrong {
		if n == 10 {
			f.Errorf("%s: and %d more", what, len(wrong)-n)
			break
		}
		f.Errorf("%s: %s", what, problem)
	}
}

// explain logs what is known of the posts in the first complaints.
func (f *fediverse) explain(complaints []string) {
	f.Helper()
	frames, _ := f.live.all()
	for _, complaint := range complaints[:min(3, len(complaints))] {
		for word := range strings.FieldsSeq(complaint) {
			story := f.model.Story(strings.TrimRight(word, ":,."))
			if len(story) == 0 {
				continue
			}
			f.Logf("%s was told:\n%s", word, strings.Join(story, "\n"))
			for _, frame := range frames {
				if frame.URI == word || frame.Scope == "actor" && strings.HasPrefix(word, frame.Actor) {
					f.Logf("its frame %d: %s %s by %s", frame.Seq, frame.Kind, mark.FindString(contentOf(frame)), frame.Actor)
				}
			}
		}
	}
}

// deliveries are what a server took, but for answers to its Follow and the relay's own.
func deliveries(s *simulator.Server) []model.Delivered {
	var got []model.Delivered
	for _, d := range s.Deliveries() {
		if d.Received() && d.About() {
			got = append(got, model.Delivered{Type: d.Type, Object: d.Object, Body: d.Raw})
		}
	}
	return got
}

// mark is the word of a version (relay/simulator, post.go).
var mark = regexp.MustCompile(`qx[0-9a-z]{10}`)

func shownIn(r *reader) []model.Frame {
	frames, _ := r.all()
	shown := make([]model.Frame, len(frames))
	for n, f := range frames {
		shown[n] = model.Frame{Kind: f.Kind, Scope: f.Scope, URI: f.URI, Actor: f.Actor, Domain: f.Domain, Mark: mark.FindString(contentOf(f))}
	}
	return shown
}

// contentOf is the text of a post in a frame; its title, where it has one, is in it.
func contentOf(f frame) string {
	_, content, _ := strings.Cut(string(f.Post), `"content":`)
	return content
}
