//go:build e2e && linux

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// The world of TestClients.
const (
	clientPosts  = 150 // before the streams open
	livePosts    = 10
	rareWord     = "meerkat" // in every tenth post
	clientsTag   = "cats"    // on every third
	unsearchable = "live"    // an account: discoverable, not indexable
)

// libraries are the clients that nobody here wrote, unmodified.
var libraries = map[string]func(*testing.T, string) library{
	"go-mastodon": newGoMastodon,
	"masto.js":    newMastoJS,
	"Mastodon.py": newMastodonPy,
}

// Mastodon's client libraries page to the end of each timeline without gap or
// double, find posts and authors, hear of a post within a second of its
// acknowledgement, of edits and of deletes, and find nothing of what was deleted.
func TestClients(t *testing.T) {
	c := newClients(t)
	for n := range clientPosts {
		c.post(n%3 == 0, n%10 == 0, []string{shown, shown, hidden, shown, unsearchable}[n/3%5])
	}
	c.program.awaitTimeline(c.T, "", c.want(public))
	for name, start := range libraries {
		t.Run(name, func(t *testing.T) {
			lib := start(t, c.program.url())
			c.T = t // until the next library
			t.Run("reads", func(t *testing.T) { c.reads(t, lib) })
			t.Run("hears", func(t *testing.T) { c.hears(t, lib) })
			t.Run("reads what changed", func(t *testing.T) { c.reads(t, lib) })
		})
	}
	if err := c.program.stop(); err != nil {
		t.Error(err)
	}
}

// clients is the world, and what belongs into each timeline.
type clients struct {
	*testing.T
	program *program
	servers []*simulator.Server
	notes   map[string]note // by object URI
}

// note is an acknowledged post.
type note struct {
	server *simulator.Server
	author string
	tagged bool
	rare   bool // has rareWord
}

func newClients(t *testing.T) *clients {
	t.Helper()
	c := &clients{T: t, program: newIndexed(t), notes: map[string]note{}}
	c.program.startReady()
	c.program.indexReady()
	world := newWorld(t, 1)
	accounts := []simulator.Account{
		{Name: shown, Discoverable: true, Indexable: true},
		{Name: unsearchable, Discoverable: true},
		{Name: hidden},
	}
	for range 3 {
		c.servers = append(c.servers, simulated(t, world, simulator.Config{Accounts: accounts}))
	}
	follow(t, c.program.inbox(), c.servers...)
	return c
}

// post writes a post and brings it to the relay.
func (c *clients) post(tagged, rare bool, author string) (object string, taken time.Time) {
	c.Helper()
	made := note{server: c.servers[len(c.notes)%len(c.servers)], author: author, tagged: tagged, rare: rare}
	post := simulator.Post{Author: author, Content: fmt.Sprintf("<p>the hills, number %d</p>", len(c.notes))}
	if tagged {
		post.Tags = []string{"Cats"}
	}
	if rare {
		post.Content = fmt.Sprintf("<p>a %s among the hills, number %d</p>", rareWord, len(c.notes))
	}
	activity, response, err := made.server.Post(c.Context(), c.program.inbox(), post)
	c.taken(response, err)
	c.notes[activity.Object] = made
	return activity.Object, time.Now()
}

func (c *clients) taken(response simulator.Response, err error) {
	c.Helper()
	if err != nil || response.Status != http.StatusAccepted {
		c.Fatalf("answered %d %q, %v", response.Status, response.Body, err)
	}
}

// The surfaces a post may belong to.
func public(n note) bool { return n.author != hidden }
func inTag(n note) bool  { return public(n) && n.tagged }
func found(n note) bool  { return n.author == shown && n.rare }

// want are the posts of a surface.
func (c *clients) want(surface func(note) bool) []string {
	var all []string
	for object, n := range c.notes {
		if surface(n) {
			all = append(all, object)
		}
	}
	slices.Sort(all)
	return all
}

// reads pages through everything, searches, and looks up one of everything.
func (c *clients) reads(t *testing.T, lib library) {
	for _, timeline := range []struct {
		tag   string
		limit int
		want  []string
	}{{"", 20, c.want(public)}, {clientsTag, 7, c.want(inTag)}} {
		pages, err := lib.timeline(timeline.tag, timeline.limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range unlike(pages, timeline.want) {
			t.Errorf("timeline %q: %s", timeline.tag, wrong)
		}
		for i, page := range pages {
			if len(page) != timeline.limit && i < len(timeline.want)/timeline.limit {
				t.Errorf("page %d of timeline %q has %d posts, want %d", i, timeline.tag, len(page), timeline.limit)
			}
		}
	}
	hits, err := lib.search(rareWord)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range unlike([][]reading{hits}, c.want(found)) {
		t.Errorf("search: %s", wrong)
	}
	server := c.servers[1]
	page, err := lib.lookup(shown + "@" + server.Host())
	if want := server.URL("/@" + shown); err != nil || page != want {
		t.Errorf("the lookup of an author found %q, %v, want %s", page, err, want)
	}
	if same, err := lib.status(hits[0].ID); err != nil || same != hits[0] {
		t.Errorf("post %s is %+v, %v, in the search it is %+v", hits[0].ID, same, err, hits[0])
	}
}

// hears listens to both streams while posts are written, edited and deleted.
func (c *clients) hears(t *testing.T, lib library) {
	defer func(outer *testing.T) { c.T = outer }(c.T)
	c.T = t
	for _, tag := range []string{"", clientsTag} {
		if err := lib.stream(tag); err != nil {
			t.Fatal(err)
		}
	}
	c.knock(lib.heard())
	var delays []time.Duration
	var object string
	for n := range livePosts {
		var taken time.Time
		c.post(true, false, hidden)
		object, taken = c.post(true, n == livePosts-1, shown)
		for _, stream := range []string{"public", "tag"} {
			e := c.hear(lib, stream, "update", func(e event) bool { return e.URI == object })
			delays = append(delays, e.at.Sub(taken))
		}
	}
	slices.Sort(delays)
	t.Logf("heard %s after the acknowledgement, at most %s", delays[len(delays)/2], delays[len(delays)-1])
	if middle := delays[len(delays)/2]; middle > time.Second {
		t.Errorf("half of the posts were heard later than %s after they were taken", middle)
	}
	c.edits(lib, object)
	c.deletes(lib, object)
	c.hearsOnce(lib)
}

// knock posts until both streams are open: how else would one know.
func (c *clients) knock(h *heard) {
	c.Helper()
	await(c.T, "streams", func() []string {
		c.post(true, false, shown)
		closed := map[string]bool{"public": true, "tag": true}
		events, _ := h.all()
		for _, e := range events {
			delete(closed, e.Stream)
		}
		return slices.Collect(maps.Keys(closed))
	})
}

// hear waits for an event on a stream.
func (c *clients) hear(lib library, stream, name string, condition func(event) bool) event {
	c.Helper()
	e, ok := lib.heard().await(c.T, func(e event) bool { return e.Stream == stream && e.Event == name && condition(e) })
	if !ok {
		events, _ := lib.heard().all()
		c.Fatalf("no %s on stream %s in %s, but %+v", name, stream, arrivalTime, events[max(0, len(events)-5):])
	}
	return e
}

// edits a post: streams tell it, the search finds the new text and not the old one.
func (c *clients) edits(lib library, object string) {
	c.Helper()
	_, response, err := c.notes[object].server.Update(c.Context(), c.program.inbox(), object, "<p>a wallaby in the hills #Cats</p>")
	c.taken(response, err)
	for _, stream := range []string{"public", "tag"} {
		if e := c.hear(lib, stream, "status.update", func(e event) bool { return e.URI == object }); !strings.Contains(e.Content, "wallaby") {
			c.Errorf("the edit of %s on stream %s has %q", object, stream, e.Content)
		}
	}
	edited := c.notes[object]
	edited.rare = false
	c.notes[object] = edited
	c.program.awaitSearch(c.T, "wallaby", []string{object})
	c.program.awaitSearch(c.T, rareWord, c.want(found))
}

// deletes a post that was heard, and one from before the stream began: nobody can
// find them any more.
func (c *clients) deletes(lib library, object string) {
	c.Helper()
	ids := map[string]string{}
	pages, err := lib.timeline("", 40)
	if err != nil {
		c.Fatal(err)
	}
	for _, r := range slices.Concat(pages...) {
		ids[r.URI] = r.ID
	}
	old := c.want(func(n note) bool { return inTag(n) && found(n) })[0]
	for _, gone := range []string{object, old} {
		_, response, err := c.notes[gone].server.Delete(c.Context(), c.program.inbox(), gone)
		c.taken(response, err)
		delete(c.notes, gone)
		for _, stream := range []string{"public", "tag"} {
			c.hear(lib, stream, "delete", func(e event) bool { return e.ID == ids[gone] })
		}
	}
	c.program.awaitSearch(c.T, "wallaby", nil)
	c.program.awaitSearch(c.T, rareWord, c.want(found))
	c.program.awaitTimeline(c.T, "", c.want(public))
	c.program.awaitTimeline(c.T, clientsTag, c.want(inTag))
	for _, gone := range []string{object, old} {
		if r, err := lib.status(ids[gone]); err == nil || !strings.Contains(err.Error(), "404") {
			c.Errorf("the deleted %s is %+v, %v, want 404", gone, r, err)
		}
	}
}

// hearsOnce checks that nothing came twice on a stream, and nothing without consent.
func (c *clients) hearsOnce(lib library) {
	c.Helper()
	seen := map[string]bool{}
	events, _ := lib.heard().all()
	for _, e := range events {
		key := fmt.Sprintf("%s: %s %s", e.Stream, e.Event, e.ID)
		if seen[key] {
			c.Errorf("twice on stream %s", key)
		}
		seen[key] = true
		if !slices.Contains([]string{"update", "status.update", "delete"}, e.Event) {
			c.Errorf("on stream %s came %+v", e.Stream, e)
		}
		if n, known := c.notes[e.URI]; known && !public(n) {
			c.Errorf("on stream %s came a post without consent: %+v", e.Stream, e)
		}
	}
}
