//go:build e2e && linux

package e2e

import (
	"context"
	"log/slog"
	"testing"

	"tributary/relay/simulator"
)

// newWorld is a world of simulated servers.
func newWorld(t *testing.T, seed uint64) *simulator.World {
	t.Helper()
	world, err := simulator.New(seed, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	return world
}

func simulated(t *testing.T, world *simulator.World, cfg simulator.Config) *simulator.Server {
	t.Helper()
	server, err := world.Server(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// The two worlds verify each other, so that a signature that the product gets
// wrong is the product's.
func TestPeersWithoutRelay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), arrivalTime)
	defer cancel()
	fedify := startPeer(t, peerActor{Name: "alice"})
	other := simulated(t, newWorld(t, 1), simulator.Config{Accounts: []simulator.Account{{Name: "carol"}}})

	created := fedify.ordered("/post", map[string]any{"actor": "alice", "content": "<p>hi</p>", "inbox": other.Inbox()})
	fedify.ordered("/update", map[string]any{"object": created.Object, "content": "<p>ho</p>", "inbox": other.Inbox()})
	fedify.kill()
	fedify.start() // with the same keys, or the Delete is refused
	fedify.ordered("/delete", map[string]any{"object": created.Object, "inbox": other.Inbox()})
	if got := other.Received(); len(got) != 3 || got[2] != created.Object {
		t.Fatalf("the simulator received %v, want three times %s", got, created.Object)
	}

	posted, response, err := other.Post(ctx, fedify.inbox(), simulator.Post{Author: "carol"})
	if err != nil || !response.OK() {
		t.Fatalf("Fedify answered %d %q, %v", response.Status, response.Body, err)
	}
	r := fedify.await("carol's post", about("Create", posted.Object))
	if !r.Accepted || !r.HTTP.Verified || r.HTTP.Owner != other.Actor("carol") {
		t.Errorf("Fedify did not verify carol's signature: %+v", r)
	}
	if r.LD.Verified {
		t.Error("Fedify took the simulator's LD signature for a good one")
	}

	boost, response, err := other.Boost(ctx, fedify.inbox(), "carol", posted.Object)
	if err != nil || !response.OK() {
		t.Fatalf("Fedify answered %d %q, %v", response.Status, response.Body, err)
	}
	r = fedify.await("carol's boost", func(r receipt) bool { return r.ID == boost.ID })
	if r.Fetched == nil || !r.Fetched.OK || r.Fetched.Author != other.Actor("carol") {
		t.Errorf("Fedify did not fetch what was announced: %+v", r.Fetched)
	}
}
