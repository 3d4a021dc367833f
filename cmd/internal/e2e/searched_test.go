//go:build e2e && linux

package e2e

import "testing"

// What Fedify posts is found by search, stands in its tag's and in the public
// timeline, and is in none of them after its Delete; what an author posts who did
// not agree never is.
func TestFedifySearched(t *testing.T) {
	program := newIndexed(t)
	program.startReady()
	program.indexReady()
	author := startPeer(t,
		peerActor{Name: "alice", Discoverable: true, Indexable: true},
		peerActor{Name: "bob"})
	f := &fedify{T: t, program: program, author: author, subscriber: author, stream: read(t, program.firehose())}
	f.subscribe(author)

	hidden := f.write("bob", "<p>a numbat nobody may see #Cats</p>")
	created := f.write("alice", "<p>a numbat at noon #Cats</p>")
	f.everywhere("numbat", created.Object)

	f.author.ordered("/update", map[string]any{"object": created.Object, "content": "<p>a quokka at noon #Cats</p>", "inbox": program.inbox()})
	f.everywhere("quokka", created.Object)
	program.awaitSearch(t, "numbat", nil)

	program.kill()
	program.startReady()
	program.indexReady()
	f.everywhere("quokka", created.Object)

	f.author.ordered("/delete", map[string]any{"object": created.Object, "inbox": program.inbox()})
	f.everywhere("quokka")
	last := f.write("alice", "<p>a numbat at night #Cats</p>")
	f.everywhere("numbat", last.Object)
	if hits, err := program.search(t.Context(), hidden.Object); err != nil || len(hits) > 0 {
		t.Errorf("the search for a hidden post by its address found %v, %v", hits, err)
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}

// everywhere waits until these posts are what search and timelines have.
func (f *fedify) everywhere(word string, objects ...string) {
	f.Helper()
	f.program.awaitSearch(f.T, word, objects)
	f.program.awaitTimeline(f.T, "cats", objects)
	f.program.awaitTimeline(f.T, "", objects)
}
