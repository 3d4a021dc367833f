//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// retryAfter is the first pause of a sender whose post was not taken. Real servers
// wait for minutes; the rule is the same.
const retryAfter = 50 * time.Millisecond

var senderRetry = simulator.Retry{First: retryAfter, Most: time.Second}

// The accounts of every sender.
const (
	shown  = "shown"  // discoverable and indexable
	hidden = "hidden" // neither: for subscribers only
)

// outcome is what a sender knows of one of its posts.
type outcome struct {
	sender  int  // index of who gave it, to whom it never comes back
	hidden  bool // must not be on the firehose
	deleted bool // its Delete was acknowledged
	tries   int
}

// load is the world of TestKills: senders that post at a steady rate, and
// subscribers that are good.
type load struct {
	t           *testing.T
	inbox       string
	senders     []*simulator.Server
	quiet       *simulator.Server // its posts are known only because others announce them
	subscribers []*simulator.Server
	inFlight    sync.WaitGroup

	mu           sync.Mutex          // guards what follows
	acknowledged map[string]*outcome // by object URI
	refused      []string            // what was judged with a 4xx
}

func newLoad(t *testing.T, world *simulator.World, inbox string, senders, subscribers int) *load {
	t.Helper()
	accounts := []simulator.Account{{Name: shown, Discoverable: true, Indexable: true}, {Name: hidden}}
	l := &load{t: t, inbox: inbox, acknowledged: map[string]*outcome{}}
	server := func(name string) *simulator.Server {
		return simulated(t, world, simulator.Config{Name: name, Accounts: accounts, DiscardBodies: true})
	}
	for i := range senders {
		l.senders = append(l.senders, server(fmt.Sprintf("sender%d", i)))
	}
	l.quiet = server("quiet")
	for i := range subscribers {
		l.subscribers = append(l.subscribers, server(fmt.Sprintf("subscriber%d", i)))
	}
	return l
}

// subscribe makes everybody a member but the quiet server.
func (l *load) subscribe(ctx context.Context) {
	l.t.Helper()
	for _, s := range slices.Concat(l.senders, l.subscribers) {
		if _, response, err := s.Follow(ctx, l.inbox); err != nil || !response.OK() {
			l.t.Fatalf("follow: %d %q, %v", response.Status, response.Body, err)
		}
		if state, err := s.AwaitFollow(ctx, l.inbox); err != nil || state != simulator.FollowAccepted {
			l.t.Fatalf("follow: %q, %v", state, err)
		}
	}
}

// run posts at rate per second, over all senders, until stop is closed. When the
// machine is late, it catches up.
func (l *load) run(ctx context.Context, rate int, stop <-chan struct{}) {
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		select {
		case <-stop:
			return
		case <-time.After(time.Until(due)):
		}
		l.inFlight.Go(func() { l.one(ctx, n) })
	}
}

// one brings the nth post to the relay, however long that takes. Of twenty posts
// two are hidden, two go out as Announce, two are announced by the sender's server so
// that the relay has to fetch them, and one is deleted again.
func (l *load) one(ctx context.Context, n int) {
	index := n % len(l.senders)
	sender := l.senders[index]
	kind := n / len(l.senders) % 20
	post := simulator.Post{Author: shown, Tags: []string{"kills"}, Unsigned: kind == 2 || kind == 12}
	if kind == 4 || kind == 14 {
		post.Author = hidden
	}
	result := outcome{sender: index, hidden: post.Author == hidden}
	var activity simulator.Activity
	var err error
	if kind == 6 || kind == 16 {
		if activity, err = l.quiet.Create(post); err == nil {
			activity, err = sender.Announce(simulator.Instance, activity.Object)
		}
	} else {
		activity, err = sender.Create(post)
	}
	if err != nil {
		l.t.Error(err)
		return
	}
	if result.tries = l.deliver(ctx, sender, activity); result.tries == 0 {
		return
	}
	if kind == 8 {
		if activity, err = sender.Erase(activity.Object); err != nil {
			l.t.Error(err)
			return
		}
		result.deleted = l.deliver(ctx, sender, activity) > 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[activity.Object] = &result
}

// deliver brings an activity to the relay and returns how often it tried, 0 when it was not taken.
func (l *load) deliver(ctx context.Context, sender *simulator.Server, activity simulator.Activity) int {
	response, tries, err := sender.Deliver(ctx, l.inbox, activity, senderRetry)
	if err != nil {
		return 0 // the test is over
	}
	if response.Status != http.StatusAccepted {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refused = append(l.refused, fmt.Sprintf("%s %s: %d %s", activity.Type, activity.ID, response.Status, response.Body))
		return 0
	}
	return tries
}

// posts are the acknowledged posts so far.
func (l *load) posts() map[string]*outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acknowledged)
}

// missingAt lists the acknowledged posts that a server still lacks; index is its
// own among the senders, or −1.
//
// A post that was deleted while the server's lane was behind need not come any more, but
// its Delete must.
func missingAt(server *simulator.Server, index int, posts map[string]*outcome) []string {
	created, deleted := map[string]bool{}, map[string]bool{}
	for _, d := range server.Deliveries() {
		if !d.Received() {
			continue
		}
		switch d.Type {
		case "Create", "Announce":
			created[d.Object] = true
		case "Delete":
			deleted[d.Object] = true
		}
	}
	var missing []string
	for object, post := range posts {
		if post.sender == index {
			continue
		}
		if post.deleted && !deleted[object] {
			missing = append(missing, "Delete of "+object)
		}
		if !post.deleted && !created[object] {
			missing = append(missing, object)
		}
	}
	slices.Sort(missing)
	return missing
}

// wrongDeliveries lists what a server must not have been sent: its own posts, a post
// after its Delete, or anything under a signature that does not hold.
func wrongDeliveries(server *simulator.Server, index int, posts map[string]*outcome) []string {
	var wrong []string
	seen := map[string]bool{}
	for _, d := range server.Deliveries() {
		if d.Status == http.StatusUnauthorized {
			wrong = append(wrong, fmt.Sprintf("%s %s: %v", d.Type, d.Activity, d.Problem))
		}
		if !d.Received() || !d.About() {
			continue
		}
		if post := posts[d.Object]; post != nil && post.sender == index {
			wrong = append(wrong, fmt.Sprintf("%s of %s came back to who gave it", d.Type, d.Object))
		}
		// After a kill both may come again, in their order.
		if d.Type != "Delete" && seen["Delete "+d.Object] && !seen["Create "+d.Object] {
			wrong = append(wrong, fmt.Sprintf("%s of %s came after its Delete", d.Type, d.Object))
		}
		if d.Type == "Announce" {
			d.Type = "Create"
		}
		seen[d.Type+" "+d.Object] = true
	}
	return wrong
}

// repeats counts the posts that a server took more than once.
func repeats(server *simulator.Server) (total, repeated int) {
	seen := map[string]bool{}
	for _, d := range server.Deliveries() {
		if !d.Received() || !d.About() {
			continue
		}
		total++
		key := d.Type + " " + d.Object
		if seen[key] {
			repeated++
		}
		seen[key] = true
	}
	return total, repeated
}

// missingFrames lists the acknowledged posts that the firehose still lacks.
func missingFrames(frames []frame, posts map[string]*outcome) []string {
	created, deleted := map[string]bool{}, map[string]bool{}
	for _, f := range frames {
		switch f.Kind {
		case "create":
			created[f.URI] = true
		case "delete":
			deleted[f.URI] = true
		}
	}
	var missing []string
	for object, post := range posts {
		if post.hidden {
			continue
		}
		if post.deleted && !deleted[object] {
			missing = append(missing, "delete of "+object)
		}
		if !post.deleted && !created[object] {
			missing = append(missing, object)
		}
	}
	slices.Sort(missing)
	return missing
}

// unlikeReplay lists where a replay differs from what was seen live by more than what was
// deleted since.
func unlikeReplay(live, replay []frame) []string {
	deleted, again := map[string]bool{}, map[uint64]frame{}
	for _, f := range live {
		if f.Kind == "delete" {
			deleted[f.URI] = true
		}
	}
	for _, f := range replay {
		again[f.Seq] = f
	}
	var differ []string
	for _, f := range live {
		other, there := again[f.Seq]
		delete(again, f.Seq)
		if there && (other.Kind != f.Kind || other.URI != f.URI || other.ID != f.ID) ||
			!there && !(f.Kind != "delete" && deleted[f.URI]) {
			differ = append(differ, fmt.Sprintf("live %s %s %s at %d, replayed %s %s %s", f.Kind, f.URI, f.ID, f.Seq, other.Kind, other.URI, other.ID))
		}
	}
	for seq, f := range again {
		differ = append(differ, fmt.Sprintf("replayed %s %s at %d, never seen live", f.Kind, f.URI, seq))
	}
	return differ
}

// wrongFrames lists what the firehose must not hold: a post twice, a seq that does
// not rise, a post whose author did not agree.
func wrongFrames(frames []frame) []string {
	var wrong []string
	seen := map[string]uint64{}
	newest := uint64(0)
	for _, f := range frames {
		if f.Seq <= newest {
			wrong = append(wrong, fmt.Sprintf("%s %s: seq %d after %d", f.Kind, f.URI, f.Seq, newest))
		}
		newest = f.Seq
		key := f.Kind + " " + f.URI
		if first, twice := seen[key]; twice {
			wrong = append(wrong, fmt.Sprintf("%s: at seq %d and %d", key, first, f.Seq))
		}
		seen[key] = f.Seq
		if f.Kind != "create" && f.Kind != "update" && f.Kind != "delete" {
			wrong = append(wrong, fmt.Sprintf("a frame of kind %s at seq %d", f.Kind, f.Seq))
		}
		if strings.HasSuffix(f.Actor, "/"+hidden) {
			wrong = append(wrong, fmt.Sprintf("%s %s is of an author who did not agree", f.Kind, f.URI))
		}
	}
	return wrong
}
