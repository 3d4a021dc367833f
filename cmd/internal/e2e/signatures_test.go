//go:build e2e && linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tributary/relay/admin"
	"tributary/relay/simulator"
)

// Fedify signs requests by RFC 9421 and is understood at once; it takes the signature that
// servers of its kind get in common; and what it signs in a
// document is believed when somebody else passes it on.
func TestFedifySignatures(t *testing.T) {
	program := newProgram(t, "")
	program.startReady()
	f := &fedify{
		T: t, program: program, stream: read(t, program.firehose()),
		author:     startPeerAs(t, "hollo", rfc9421, peerActor{Name: "alice", Discoverable: true, Indexable: true}),
		subscriber: startPeerAs(t, "hollo", draftCavage),
	}
	f.subscribe(f.author)
	f.subscribe(f.subscriber)

	f.step("one signature for both")
	await(t, "servers that are known to take it", func() (own []string) {
		list, err := admin.Dial(program.data).Subscribers(t.Context())
		if err != nil || len(list) != 2 {
			return []string{fmt.Sprint(len(list), " subscribers: ", err)}
		}
		for _, s := range list {
			if s.Signature != "shared" {
				own = append(own, s.Host+": "+s.Signature+": "+s.SignatureReason)
			}
		}
		return own
	})

	f.step("RFC 9421")
	created := f.write("alice", "<p>by RFC 9421</p>")
	if created.Knocks != 1 {
		t.Errorf("taken at knock %d", created.Knocks)
	}
	if r := f.forwarded("Create", created); !strings.Contains(r.Signature, `headers="(request-target) date digest"`) {
		t.Errorf("the subscriber's signature is %s", r.Signature)
	}

	f.step("forwarded by somebody else")
	member := simulated(t, newWorld(t, 1), simulator.Config{})
	if _, response, err := member.Follow(t.Context(), program.inbox()); err != nil || !response.OK() {
		t.Fatalf("follow: %d %q, %v", response.Status, response.Body, err)
	}
	if state, err := member.AwaitFollow(t.Context(), program.inbox()); err != nil || state != simulator.FollowAccepted {
		t.Fatalf("follow: %s, %v", state, err)
	}
	elsewhere := f.author.ordered("/post", map[string]any{
		"actor": "alice", "content": "<p>sent to the member alone</p>", "tags": []string{"Cats"}, "language": "en", "inbox": member.Inbox(),
	})
	got, err := member.Await(t.Context(), func(d simulator.Delivery) bool { return d.Object == elsewhere.Object && d.Verified })
	if err != nil {
		t.Fatalf("the member received no post that holds: %v", err)
	}
	response, err := member.SendRaw(t.Context(), program.inbox(), simulator.Instance, got.Raw)
	if err != nil || response.Status != http.StatusAccepted {
		t.Fatalf("passing on: %d %q, %v", response.Status, response.Body, err)
	}
	f.forwarded("Create", elsewhere) // as bytes that Fedify verifies, not as an Announce
	f.frame("create", elsewhere.Object, f.author.actor("alice"))
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}
