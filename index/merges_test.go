package index

import (
	"context"
	"testing"
)

func TestMergesAreHeldOnlyFarBehindTheLog(t *testing.T) {
	e := newEnv(t, quick)
	e.put(post("a.example", "alice", 1, 3, "hello"))
	e.stop()
	ctx := context.Background()
	x, err := Open(ctx, Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: e.log, HoldMerges: true})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	merge := func() error { return x.conn.Exec(ctx, `OPTIMIZE TABLE posts FINAL`) }
	x.tune.holdBehind = 0 // which is always behind
	x.paceMerges(ctx)
	if merge() == nil {
		t.Error("far behind, posts are merged")
	}
	x.tune.holdBehind = 1000
	x.paceMerges(ctx)
	if err := merge(); err != nil {
		t.Error("not far behind:", err)
	}
	x.tune.holdBehind = 0
	x.paceMerges(ctx)
	x.letGo(ctx)
	if err := merge(); err != nil {
		t.Error("after the writer's end:", err)
	}
	for range holdFor {
		x.paceMerges(ctx)
	}
	if err := merge(); err != nil || x.merges.held {
		t.Error("after many batches:", err)
	}
	x.letGo(ctx)
}
