package index

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"tributary/index/engine"
	"tributary/ingest/ingesttest"
)

var labDir = flag.String("lab.dir", "", "")
var labN = flag.Int("lab.n", 1000000, "")
var labSQL = flag.String("lab.sql", "", "file with statements")
var labReps = flag.Int("lab.reps", 100, "")
var labPar = flag.Int("lab.par", 1, "")

func labOpen(t testing.TB) *Index {
	running.once.Do(func() {})
	running.dir = *labDir
	os.MkdirAll(*labDir, 0o700)
	os.Remove(engineSocket())
	libraries, _ := filepath.Glob("engine/node_modules/@chdb/*/libchdb.so")
	binary := filepath.Join(running.dir, "tributary-engine")
	if out, err := exec.Command("go", "build", "-o", binary, "tributary/cmd/tributary-engine").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	library, _ := filepath.Abs(libraries[0])
	var err error
	running.process, err = engine.Start(context.Background(), engine.Options{
		Dir: filepath.Join(running.dir, "data"), Socket: engineSocket(), Library: library, Binary: binary, Log: slog.Default(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := running.process.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	dir := *labDir
	t.Cleanup(func() { running.process.Close(); running.process = nil; running.dir = ""; _ = dir })
	o := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{engine.Addr}, DialContext: engine.Dial(engineSocket()), MaxOpenConns: 32, MaxIdleConns: 32}
	o.Auth.Database = "lab"
	env := ingesttest.New(t)
	x, err := Open(context.Background(), Config{Options: o, DB: env.DB, Tail: env.Tail, Logger: ingesttest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// one benchmark: fill, then run each statement of the file.
func TestLab(t *testing.T) {
	if *labDir == "" {
		t.Skip()
	}
	x := labOpen(t)
	var n uint64
	x.conn.QueryRow(context.Background(), "select count() from posts").Scan(&n)
	if n == 0 {
		begun := time.Now()
		x.fillTable(t, *labN)
		t.Log("filled in", time.Since(begun))
	}
	data, err := os.ReadFile(*labSQL)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements(string(data)) {
		if len(s) > 0 && s[0] == '!' {
			begun := time.Now()
			if err := x.conn.Exec(context.Background(), s[1:]); err != nil {
				fmt.Println("FAIL", s[:40], err)
			}
			fmt.Printf("exec %8.1f ms  %s\n", float64(time.Since(begun).Microseconds())/1000, s[:min(len(s), 100)])
			continue
		}
		if s[0] == '?' {
			x.conn.Exec(context.Background(), "select 1")
			x.Query(context.Background(), s[1:], "table", os.Stdout)
			continue
		}
		labRun(t, x, s)
	}
}

func labRun(t *testing.T, x *Index, s string) {
	rows := 0
	q := func() int {
		k := 0
		if err := x.ask(context.Background(), s, func(r driver.Rows) error { k++; return nil }); err != nil {
			fmt.Println("FAIL", err)
		}
		return k
	}
	rows = q()
	reps := *labReps
	cpu, begun, own := engineCPU(), time.Now(), ownCPU()
	var wg sync.WaitGroup
	for range *labPar {
		wg.Go(func() {
			for range reps / *labPar {
				q()
			}
		})
	}
	wg.Wait()
	wall := time.Since(begun)
	fmt.Printf("cpu %7.2f ms  own %5.2f wall %7.2f ms rows %d  %s\n", float64((engineCPU()-cpu).Microseconds())/1000/float64(reps), float64((ownCPU()-own).Microseconds())/1000/float64(reps), float64(wall.Microseconds())/1000/float64(reps), rows, s[:min(len(s), 150)])
}

func labIDs(x *Index, cond string) []uint64 {
	var ids []uint64
	if err := x.ask(context.Background(), "SELECT id FROM posts WHERE "+cond+" ORDER BY id DESC LIMIT 48", func(r driver.Rows) error {
		var id uint64
		r.Scan(&id)
		ids = append(ids, id)
		return nil
	}); err != nil {
		fmt.Println(err)
	}
	return ids
}

func TestLabSecond(t *testing.T) {
	if *labDir == "" {
		t.Skip()
	}
	x := labOpen(t)
	for _, c := range []string{"tier >= 3", "has(tags, 'tag77')", "has(tags, 'tag477')", "hasAllTokens(words, ['word10','word5'])", "hasAllTokens(words, ['word310','word305'])"} {
		ids := labIDs(x, c)
		for _, set := range []string{"", " SETTINGS query_plan_optimize_lazy_materialization=0", " SETTINGS optimize_read_in_order=0"} {
			labRun(t, x, fmt.Sprintf(`SELECT /* %s %s */ id, seq, deleted, tier, arrived, record, toUInt8(%s) AS matches FROM posts WHERE id IN (%s) ORDER BY id DESC, seq DESC LIMIT 1 BY id %s`, c, set, c, list(ids), set))
			labRun(t, x, fmt.Sprintf(`SELECT /* %s %s */ id, seq, deleted, tier, arrived, record FROM posts WHERE id IN (%s) ORDER BY id DESC, seq DESC LIMIT 1 BY id %s`, c, set, list(ids), set))
			labRun(t, x, fmt.Sprintf(`SELECT /* %s %s */ id, seq, deleted, tier, arrived FROM posts WHERE id IN (%s) ORDER BY id DESC, seq DESC LIMIT 1 BY id %s`, c, set, list(ids), set))
		}
	}
}

func TestLabThird(t *testing.T) {
	if *labDir == "" {
		t.Skip()
	}
	x := labOpen(t)
	for _, c := range []string{"tier >= 3", "has(tags, 'tag77')", "has(tags, 'tag477')", "hasAllTokens(words, ['word310','word305'])"} {
		ids := labIDs(x, c)
		for _, table := range []string{"records"} {
			labRun(t, x, fmt.Sprintf(`SELECT /* %s %s */ id, seq, deleted, tier, arrived, record FROM %s WHERE id IN (%s)`, c, table, table, list(ids)))
			labRun(t, x, fmt.Sprintf(`SELECT /* %s %s */ id, seq, tier, arrived, record FROM %s WHERE id IN (%s) SETTINGS merge_tree_min_rows_for_seek=0, merge_tree_coarse_index_granularity=8, use_skip_indexes=0, optimize_move_to_prewhere=0`, c, table, table, list(ids)))
		}
	}
}

func BenchmarkLab(b *testing.B) {
	if *labDir == "" {
		b.Skip()
	}
	x := labOpen(b)
	time.Sleep(2 * time.Second)
	askQuestions(b, x)
}
