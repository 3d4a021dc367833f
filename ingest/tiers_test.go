package ingest_test

import (
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// Posts are counted where they stand: repeats once (I7), edits and better copies where they went; a restart and a
// state database that stood before some of them change nothing.
func TestPostsByTier(t *testing.T) {
	dir := t.TempDir()
	e := ingesttest.NewOn(t, ingesttest.NewBroker(t, ""), dir)
	check := func(e *ingesttest.Env, want ingest.TierCounts) {
		t.Helper()
		e.CatchUp()
		day, ever, err := ingest.PostsByTier(t.Context(), e.DB, time.Now())
		if err != nil || day != want || ever != want {
			t.Errorf("day %v, ever %v, %v, want %v", day, ever, err, want)
		}
		later, ever, err := ingest.PostsByTier(t.Context(), e.DB, time.Now().Add(30*time.Hour))
		if err != nil || later != (ingest.TierCounts{}) || ever != want {
			t.Errorf("in a day: %v, ever %v, %v", later, ever, err)
		}
	}
	relay, live := ingesttest.Post("a.example", 1, ingest.TierRelay), ingesttest.Post("a.example", 2, ingest.TierLive)
	e.Append(relay, live, ingesttest.Post("a.example", 3, ingest.TierSearch), relay, live)
	foreign := ingesttest.Post("a.example", 4, ingest.TierLive)
	foreign.Grant = ingest.GrantStream // may not be passed on
	e.Append(foreign)
	check(e, ingest.TierCounts{ingest.TierRelay: 1, ingest.TierLive: 1, ingest.TierSearch: 1})

	before := ingesttest.CopyState(t, dir)
	upgrade := *relay
	upgrade.Kind, upgrade.Tier = ingest.KindUpgrade, ingest.TierSearch
	edit := *live
	edit.Kind, edit.Tier, edit.Version, edit.Content = ingest.KindUpdate, ingest.TierStats, live.Version+1, live.Content+1
	known := *foreign
	known.Kind, known.Grant = ingest.KindUpgrade, ingest.GrantSubscriber
	e.Append(&upgrade, &edit, &known, &edit, &upgrade)
	want := ingest.TierCounts{ingest.TierStats: 1, ingest.TierLive: 1, ingest.TierSearch: 2}
	check(e, want)
	broker := e.Broker
	e.Stop()
	again := ingesttest.NewOn(t, broker, dir)
	check(again, want)
	again.Stop()
	check(ingesttest.NewOn(t, broker, before), want) // folds in again what it does not know
}
