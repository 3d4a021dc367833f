package index

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/index/fresh"
	"tributary/ingest"
	"tributary/ingest/lease"
)

var (
	benchPosts   = flag.Int("index.posts", 100_000, "posts that the benchmarks of questions run over")
	benchRecords = flag.Int("index.records", 50_000, "records that the benchmark of the writer reads")
	benchData    = flag.String("index.data", "", "folder of the engine that is kept, and whose posts questions are asked about again")
	benchHold    = flag.Bool("index.hold", true, "merges wait while the index catches up")
	benchPacked  = flag.Int("index.packed", packedBytes, "bytes of records that are kept compressed")
	benchFresh   = flag.Int("index.fresh", freshBytes, "bytes of what is asked about the newest posts")
	benchClients = flag.Int("index.clients", 16, "clients that ask at once")
)

// zipf words and tags: a few are in every second post, most in a few.
type speaker struct {
	rand *rand.Rand
	word *rand.Zipf
	tag  *rand.Zipf
}

func newSpeaker() *speaker {
	r := rand.New(rand.NewPCG(1, 2))
	return &speaker{rand: r, word: rand.NewZipf(r, 1.1, 8, 50_000), tag: rand.NewZipf(r, 1.2, 10, 5_000)}
}

// record is a post of some 25 words of one of 20,000 authors of 500 servers.
func (s *speaker) record(n int) *ingest.Record {
	words := make([]string, 25)
	for i := range words {
		words[i] = fmt.Sprintf("word%d", s.word.Uint64())
	}
	tags := make([]string, s.rand.IntN(3))
	for i := range tags {
		tags[i] = fmt.Sprintf("tag%d", s.tag.Uint64())
	}
	slices.Sort(tags)
	author := s.rand.IntN(20_000)
	r := post(fmt.Sprintf("host%d.example", author%500), fmt.Sprintf("user%d", author), n, ingest.TierSearch, strings.Join(words, " "), slices.Compact(tags)...)
	r.Author.Note = "<p>" + strings.Repeat("about me ", 20) + "</p>"
	r.Author.Avatar = fmt.Sprintf("https://host%d.example/media/avatars/%d.png", author%500, author)
	return r
}

// BenchmarkWriter measures records from the log to the table: how fast a
// stopped index catches up, and whether the fediverse at its busiest fits.
func BenchmarkWriter(b *testing.B) {
	for _, c := range []struct{ name, without string }{{"all", ""}, {"no_text_index", "ix_words ix_ngrams ix_tags"}} {
		b.Run(c.name, func(b *testing.B) {
			tune := defaultTuning
			e := newEnv(b, tune)
			e.stop()
			e.fill(*benchRecords)
			for b.Loop() {
				e.options = options(b)
				x, err := Open(b.Context(), Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: e.log, HoldMerges: *benchHold})
				if err != nil {
					b.Fatal(err)
				}
				for _, name := range strings.Fields(c.without) {
					if err := x.conn.Exec(b.Context(), "ALTER TABLE posts DROP INDEX "+name); err != nil {
						b.Fatal(err)
					}
				}
				e.drain(b, x)
			}
		})
	}
}

// fill puts records into the log.
func (e *env) fill(n int) {
	s := newSpeaker()
	for n > 0 {
		values := make([][]byte, 0, 250)
		for range min(n, cap(values)) {
			r := s.record(n)
			r.Raw = []byte(r.Post.Content + strings.Repeat(" ", 200))
			values = append(values, must(ingest.Encode(r)))
			n--
		}
		e.Broker.Produce(values...)
	}
	ctx, cancel := context.WithTimeout(e.t.Context(), 5*time.Minute)
	defer cancel()
	if err := e.Env.Log.CatchUp(ctx); err != nil {
		e.t.Fatal(err)
	}
}

// drain runs a writer until it has read the log.
func (e *env) drain(b *testing.B, x *Index) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var running sync.WaitGroup
	begun, cpu, own := time.Now(), engineCPU(), ownCPU()
	running.Go(func() { _ = x.Run(ctx) })
	for x.Position() < e.Tail.Tip() {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64((engineCPU()-cpu).Microseconds())/float64(*benchRecords), "engine-cpu-µs/row")
	b.ReportMetric(float64((ownCPU()-own).Microseconds())/float64(*benchRecords), "go-cpu-µs/row")
	b.ReportMetric(float64(*benchRecords)/time.Since(begun).Seconds(), "rows/s")
	cancel()
	running.Wait()
	x.awaitMerges(b)
	b.ReportMetric(float64((engineCPU()-cpu).Microseconds())/float64(*benchRecords), "engine-cpu-merged-µs/row")
	var size uint64
	if err := x.conn.QueryRow(b.Context(), `SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table IN ('posts', 'records')`).Scan(&size); err == nil {
		b.ReportMetric(float64(size)/float64(*benchRecords), "B/post")
	}
	_ = x.Close()
}

// BenchmarkQuestions measures what many readers at once wait for.
func BenchmarkQuestions(b *testing.B) {
	e := newEnv(b, defaultTuning)
	e.stop()
	o := *e.options
	if *benchData != "" {
		o.Auth.Database = "bench"
	}
	x, err := Open(b.Context(), Config{Options: &o, DB: e.DB, Tail: e.Tail, Logger: e.log})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	var newest uint64
	if err := x.conn.QueryRow(b.Context(), `SELECT max(id) FROM records`).Scan(&newest); err != nil {
		b.Fatal(err)
	}
	if newest == 0 {
		x.fillTable(b, *benchPosts)
	} else {
		x.now = func() time.Time { return ingest.IDTime(newest) }
	}
	begun, cpu := time.Now(), engineCPU()
	x.loadLatest(b.Context())
	b.Logf("%d posts of several versions, %v, %v of the engine", len(x.latest.seqs), time.Since(begun), engineCPU()-cpu)
	x.packed = newPacked(*benchPacked)
	begun, cpu = time.Now(), engineCPU()
	x.loadPacked(b.Context())
	b.Logf("%d records at hand in %d bytes, %v, %v of the engine", x.packed.kept.Len(), x.packed.size, time.Since(begun), engineCPU()-cpu)
	begun, cpu, x.fresh = time.Now(), engineCPU(), fresh.New(*benchFresh)
	own := ownCPU()
	x.loadFresh(b.Context())
	first := time.Since(begun)
	x.fillFresh(b.Context())
	b.Logf("%d posts at hand in %d bytes, %v (the first %v), %v of the engine, %v of Go", x.fresh.Len(), x.fresh.Size(), time.Since(begun), first, engineCPU()-cpu, ownCPU()-own)
	x.position.Store(math.MaxUint64)
	x.awaitMerges(b)
	askQuestions(b, x)
}

// awaitMerges waits until the server has nothing to merge for a while: what it merges while questions are
// asked would count as theirs.
func (x *Index) awaitMerges(b *testing.B) {
	for idle := 0; idle < 20; time.Sleep(100 * time.Millisecond) {
		var merges uint64
		if err := x.conn.QueryRow(b.Context(), `SELECT count() FROM system.merges`).Scan(&merges); err != nil {
			b.Fatal(err)
		}
		if idle++; merges > 0 {
			idle = 0
		}
	}
}

func askQuestions(b *testing.B, x *Index) {
	words := func(r *rand.Rand, from int) string {
		return fmt.Sprintf("word%d word%d", from+r.IntN(30), from+r.IntN(30))
	}
	for name, ask := range map[string]func(context.Context, *rand.Rand) (int, error){
		"newest40": func(ctx context.Context, _ *rand.Rand) (int, error) {
			got, err := x.Timeline(ctx, Timeline{Page: Page{Limit: 40}})
			return len(got), err
		},
		"newest40_of_tag": func(ctx context.Context, r *rand.Rand) (int, error) {
			got, err := x.Timeline(ctx, Timeline{Page: Page{Limit: 40}, Any: []string{fmt.Sprintf("tag%d", r.IntN(500))}})
			return len(got), err
		},
		"newest40_of_busy_tag": func(ctx context.Context, r *rand.Rand) (int, error) {
			got, err := x.Timeline(ctx, Timeline{Page: Page{Limit: 40}, Any: []string{fmt.Sprintf("tag%d", r.IntN(50))}})
			return len(got), err
		},
		"two_common_words": func(ctx context.Context, r *rand.Rand) (int, error) {
			got, err := x.SearchStatuses(ctx, Search{Page: Page{Limit: 40}, Text: words(r, 0)})
			return len(got), err
		},
		"two_words": func(ctx context.Context, r *rand.Rand) (int, error) {
			got, err := x.SearchStatuses(ctx, Search{Page: Page{Limit: 40}, Text: words(r, 300)})
			return len(got), err
		},
		"trends": func(ctx context.Context, _ *rand.Rand) (int, error) {
			got, err := x.TrendingTags(ctx, 10, 0)
			return len(got), err
		},
	} {
		b.Run(name, func(b *testing.B) { manyAsk(b, ask) })
	}
}

func manyAsk(b *testing.B, ask func(context.Context, *rand.Rand) (int, error)) {
	var (
		mu    sync.Mutex
		took  []time.Duration
		found int
	)
	cpu := engineCPU()
	b.SetParallelism(max(1, *benchClients/2)) // times GOMAXPROCS, two here
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 1))
		for pb.Next() {
			begun := time.Now()
			n, err := ask(b.Context(), r)
			if err != nil {
				b.Error(err)
				return
			}
			mu.Lock()
			took, found = append(took, time.Since(begun)), found+n
			mu.Unlock()
		}
	})
	slices.Sort(took)
	b.ReportMetric(float64((engineCPU()-cpu).Microseconds())/1000/float64(len(took)), "engine-cpu-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(found)/float64(len(took)), "found")
}

// fillTable stores posts that arrived over the last six days, some of them edited.
func (x *Index) fillTable(b testing.TB, n int) {
	s, c := newSpeaker(), newComposer(func(r *ingest.Record) ingest.Tier { return r.Tier })
	begin, step := x.now().Add(-6*day), 6*day/time.Duration(n)
	var last *ingest.Record
	for i := 0; i < n; {
		rows := &batch{position: 1}
		for ; rows.records < 8192 && i < n; i++ {
			r := s.record(i)
			r.Time = begin.Add(time.Duration(i) * step)
			r.Seq = uint64(2*i + 1)
			r.ID = firstID(r.Time) | r.Seq&idSeqMask
			if last != nil && i%50 == 0 { // an edit of the one before
				r.Kind, r.ID = ingest.KindUpdate, last.ID
			}
			last = r
			if err := c.add(rows, r); err != nil {
				b.Fatal(err)
			}
		}
		rows.hours = nil
		if err := x.storeBatch(context.Background(), lease.Term{}, rows); err != nil {
			b.Fatal(err)
		}
	}
}
