package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/testseed"
)

// history makes a random sequence of records as admission on two nodes might
// append them: with repeats, stale versions, raced kinds and forged deletes.
func history(rng *rand.Rand, n int) []*ingest.Record {
	var all []*ingest.Record
	for len(all) < n {
		host := fmt.Sprintf("s%d.example", rng.IntN(3))
		r := ingesttest.Post(host, rng.IntN(n/4+1), ingest.Tier(1+rng.IntN(4)))
		switch rng.IntN(8) {
		case 0:
			r = ingesttest.Delete(r)
		case 1:
			r.Kind, r.Activity = ingest.KindUpdate, "Update"
			r.Version += int64(rng.IntN(3)) * 1000
			r.Content += uint64(rng.IntN(3))
		case 2:
			r.Kind = ingest.KindUpgrade
		case 3:
			if len(all) > 0 {
				again := *all[rng.IntN(len(all))]
				r = &again
			}
		case 4:
			r = &ingest.Record{
				Kind: ingest.KindWithdraw, Scope: ingest.ScopeActor, Object: r.Actor, Actor: r.Actor,
				Tier: ingest.TierStats, PrevTier: ingest.TierSearch, Version: r.Version,
			}
		case 5:
			forged := ingesttest.Delete(r)
			forged.Actor = "https://" + host + "/users/mallory"
			r = forged
		}
		all = append(all, r)
	}
	return all
}

// TestRepeatsAreDroppedForEveryReader appends the same records again by a plain
// client and reads them by a running Tail, by one started in the middle and by
// cold readers: all see the same.
func TestRepeatsAreDroppedForEveryReader(t *testing.T) {
	seed := testseed.Of(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	b := ingesttest.NewBroker(t, "")
	running := ingesttest.NewOn(t, b, t.TempDir())
	other := ingesttest.NewOn(t, b, t.TempDir())
	records := history(rng, 400)
	for i, r := range records {
		value, err := ingest.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Produce(value)
		if i == len(records)/2 {
			other.CatchUp()
			other.Stop() // goes on from the middle
		}
	}
	running.CatchUp()
	other.Start()
	other.CatchUp()
	for _, v := range []ingest.View{ingest.ViewStream, ingest.ViewLane} {
		hot, _ := readAll(t, running.Tail, v, 0)
		mixed, _ := readAll(t, other.Tail, v, 0)
		if !reflect.DeepEqual(hot, mixed) {
			t.Errorf("view %d: the Tail started in the middle shows %d records, the running one %d", v, len(mixed), len(hot))
		}
		running.Stop()
		running.Start() // everything is cold now
		cold, _ := readAll(t, running.Tail, v, 0)
		if !reflect.DeepEqual(hot, cold) {
			t.Errorf("view %d: cold reader shows %d records, hot one %d", v, len(cold), len(hot))
		}
		checkOnce(t, hot)
	}
}

// checkOnce: one create an object, nothing after its delete, seqs increase.
func checkOnce(t *testing.T, all []seen) {
	t.Helper()
	created, deleted := map[string]bool{}, map[string]bool{}
	var last uint64
	for _, s := range all {
		if s.Seq <= last {
			t.Errorf("seq %d after %d", s.Seq, last)
		}
		last = s.Seq
		if s.Kind != ingest.KindWithdraw && deleted[s.Object] && !strings.HasSuffix(s.Actor, "mallory") {
			t.Errorf("%s shown after its delete", s.Object)
		}
		switch s.Kind {
		case ingest.KindCreate:
			if created[s.Object] {
				t.Errorf("%s created twice", s.Object)
			}
			created[s.Object] = true
		case ingest.KindDelete:
			if strings.HasSuffix(s.Actor, "mallory") {
				continue // passed on before the object was known here: it binds nobody else's post
			}
			deleted[s.Object] = true
		}
	}
}
