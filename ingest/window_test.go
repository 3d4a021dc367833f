package ingest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestWindowForgetsTheLeastRecentlyChanged compares the window with a naive list.
func TestWindowForgetsTheLeastRecentlyChanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := newWindow(50)
	var order []Hash // newest last
	states := map[Hash]uint64{}
	for i := range 5000 {
		k := HashOf(fmt.Sprint(rng.IntN(120)))
		for j, o := range order {
			if o == k {
				order = append(order[:j:j], order[j+1:]...)
				break
			}
		}
		order = append(order, k)
		states[k] = uint64(i)
		if len(order) > 50 {
			delete(states, order[0])
			order = order[1:]
		}
		w.put(k, objectState{seq: uint64(i)})
		probe := HashOf(fmt.Sprint(rng.IntN(120)))
		got := w.get(probe)
		want, ok := states[probe]
		if (got != nil) != ok || ok && got.seq != want {
			t.Fatalf("step %d: window has %+v, want %d %v", i, got, want, ok)
		}
	}
	if w.len() != 50 {
		t.Errorf("window holds %d", w.len())
	}
}

func TestFold(t *testing.T) {
	post := func(kind Kind, version int64, content uint64, tier Tier, grant Grant) *Record {
		return &Record{
			Kind: kind, Object: "https://a.example/1", Actor: "https://a.example/a", Version: version, Content: content,
			Tier: tier, Grant: grant, Seq: 9,
		}
	}
	known := objectState{id: 5, seq: 3, owner: HashOf("https://a.example/a"), version: 10, content: 1, tier: TierLive, grant: GrantStream, topics: 5}
	grave := known
	grave.tombstone = true
	forged := post(KindDelete, 20, 0, 0, 0)
	forged.Actor = "https://a.example/b"
	profile := known
	profile.tier = TierRelay
	leaves := &Record{Kind: KindDelete, Object: "https://a.example/a", Actor: "https://a.example/a", PrevTier: TierSearch}
	fromBeyond := post(KindUpdate, 20, 2, TierLive, GrantSubscriber)
	fromBeyond.ID, fromBeyond.PrevTopics = 77, 7
	for _, c := range []struct {
		name  string
		known *objectState
		r     *Record
		want  verdict
	}{
		{"first create", nil, post(KindCreate, 10, 1, TierLive, GrantSubscriber), verdict{kind: KindCreate, id: snowflake(time.Time{}, 9), tier: TierLive, grant: GrantSubscriber}},
		{"update overtook the create", nil, post(KindUpdate, 10, 1, TierLive, GrantSubscriber), verdict{kind: KindCreate, id: snowflake(time.Time{}, 9), tier: TierLive, grant: GrantSubscriber}},
		{"update of what the window forgot", nil, fromBeyond, verdict{kind: KindUpdate, id: 77, tier: TierLive, grant: GrantSubscriber, topics: 7}},
		{"create again", &known, post(KindCreate, 10, 1, TierLive, GrantStream), verdict{dropped: true}},
		{"create again, other rendering", &known, post(KindCreate, 10, 2, TierSearch, GrantSubscriber), verdict{dropped: true}},
		{"create of an older version", &known, post(KindCreate, 9, 2, TierLive, GrantStream), verdict{dropped: true}},
		{"create of a newer version", &known, post(KindCreate, 11, 2, TierLive, GrantStream), verdict{kind: KindUpdate, id: 5, tier: TierLive, grant: GrantStream, prevTier: TierLive, prevGrant: GrantStream, topics: 5}},
		{"update in the same second", &known, post(KindUpdate, 10, 2, TierLive, GrantStream), verdict{kind: KindUpdate, id: 5, tier: TierLive, grant: GrantStream, prevTier: TierLive, prevGrant: GrantStream, topics: 5}},
		{"update again", &known, post(KindUpdate, 10, 1, TierLive, GrantStream), verdict{dropped: true}},
		{"first relayable grant", &known, post(KindUpgrade, 10, 1, TierRelay, GrantSubscriber), verdict{kind: KindUpgrade, id: 5, tier: TierLive, grant: GrantSubscriber, prevTier: TierLive, prevGrant: GrantStream, topics: 5}},
		{"upgrade that brings nothing", &known, post(KindUpgrade, 10, 1, TierLive, GrantFASP), verdict{dropped: true}},
		{"delete", &known, post(KindDelete, 20, 0, 0, 0), verdict{kind: KindDelete, id: 5, prevTier: TierLive, prevGrant: GrantStream, topics: 5}},
		{"delete of an actor whose profile is known", &profile, leaves, verdict{kind: KindDelete, id: 5, prevTier: TierSearch, prevGrant: GrantStream, topics: 5}},
		{"delete by another", &known, forged, verdict{dropped: true}},
		{"create after the delete", &grave, post(KindCreate, 30, 3, TierLive, GrantSubscriber), verdict{dropped: true}},
		{"delete again", &grave, post(KindDelete, 30, 0, 0, 0), verdict{dropped: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := fold(c.known, c.r)
			if got.dropped && c.want.dropped {
				return
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDeleteOfTheUnknownDoesNotKeepTheOwnerOut(t *testing.T) {
	mallory := &Record{Kind: KindDelete, Object: "https://a.example/1", Actor: "https://a.example/mallory", Seq: 1}
	state, _ := fold(nil, mallory)
	post := &Record{Kind: KindCreate, Object: "https://a.example/1", Actor: "https://a.example/alice", Version: 10, Tier: TierLive, Seq: 2}
	if _, v := fold(&state, post); v.dropped || v.kind != KindCreate {
		t.Errorf("the owner's post is kept out: %+v", v)
	}
	again, _ := fold(&state, post)
	if _, v := fold(&again, mallory); !v.dropped {
		t.Errorf("a stranger deletes a post that is known: %+v", v)
	}
}
