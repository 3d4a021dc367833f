//go:build e2e && linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tributary/ingest/testseed"
)

var roundFlag = flag.Int("rounds", 24, "kills of TestKills")

// The world of TestKills.
const (
	killSenders     = 3
	killSubscribers = 10
	killRate        = 60 // posts per second over all senders
)

// settleTime is how long everything acknowledged may take to arrive after the last kill.
const settleTime = 60 * time.Second

// What is killed at a random moment.
var victims = []string{"broker", "serve", "both"}

// Where the program kills itself (ingest/crashpoint). How often a point is passed
// first says how long the program lives before.
var crashPoints = []struct {
	name string
	most int // passes before the kill, at most
}{
	{"after-fetch-row", 8},
	{"after-append", 60},
	{"before-state", 20},
	{"before-position", 3}, // once a second
}

// I1, I2, I7: every acknowledged post reaches every healthy subscriber, and the
// firehose: there once, in order, whatever is killed when.
func TestKills(t *testing.T) {
	seed := testseed.Of(t)
	k := newKills(t, seed)
	k.program.startReady()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	k.load.subscribe(ctx)

	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { defer close(done); k.load.run(ctx, killRate, stop) }()
	began := time.Now()
	for round := range *roundFlag {
		k.round(round)
	}
	lasted := time.Since(began)
	close(stop)
	<-done
	late := time.AfterFunc(settleTime, cancel)
	k.load.inFlight.Wait()
	late.Stop()
	if ctx.Err() != nil {
		t.Errorf("some posts were not taken %s after the last kill", settleTime)
	}
	settling := time.Now()
	k.settle()
	t.Logf("everything had arrived %s after the last post was acknowledged", time.Since(settling).Round(time.Millisecond))
	k.report(lasted)
	if err := k.program.stop(); err != nil {
		t.Error(err)
	}
}

type kills struct {
	*testing.T
	rng     *rand.Rand
	program *program
	load    *load
	stream  *reader
	started time.Time     // when the program was started last; zero once it was ready
	longest time.Duration // from start to ready
}

func newKills(t *testing.T, seed uint64) *kills {
	program := newProgram(t, "crashpoint")
	world := newWorld(t, seed)
	return &kills{
		T:       t,
		rng:     rand.New(rand.NewPCG(seed, 0)),
		program: program,
		load:    newLoad(t, world, program.inbox(), killSenders, killSubscribers),
		stream:  read(t, program.firehose()),
	}
}

// round is one kill. Every third is at a crash point; the others are at a random
// moment, which may be before the program was ready again.
func (k *kills) round(n int) {
	if n%3 == 0 {
		point := crashPoints[n/3%len(crashPoints)]
		k.crash(point.name, 1+k.rng.IntN(point.most))
		return
	}
	victim := victims[k.rng.IntN(len(victims))]
	moment := time.Duration(k.rng.Int64N(int64(1500 * time.Millisecond)))
	k.Logf("round %d: %s after %s", n, victim, moment)
	pause(k.Context(), moment)
	switch victim {
	case "broker":
		k.program.killBroker() // there may be none: it is being restarted
	case "serve":
		k.program.kill()
		k.start()
	case "both":
		k.program.killBroker()
		k.program.kill()
		k.start()
	}
	if k.rng.IntN(3) > 0 {
		k.ready()
	}
}

// crash restarts the program so that it kills itself at the point, and starts it again.
func (k *kills) crash(point string, passes int) {
	k.Logf("crash at %s, pass %d", point, passes)
	k.ready()
	k.program.kill()
	k.started = time.Time{}
	k.program.start(fmt.Sprintf("TRIBUTARY_CRASH=%s:%d", point, passes))
	select {
	case <-k.program.exited:
	case <-time.After(startTime):
		k.Fatalf("the program did not come to crash point %s %d times in %s", point, passes, startTime)
	}
	if state := k.program.cmd.ProcessState.String(); !strings.Contains(state, "killed") {
		k.Fatalf("the program ended with %q instead of being killed at %s", state, point)
	}
	k.start()
	k.ready()
}

// start starts the program at once after a kill.
func (k *kills) start() {
	k.started = time.Now()
	k.program.start()
}

// ready waits for the program.
func (k *kills) ready() {
	if err := k.program.ready(); err != nil {
		k.Fatal(err)
	}
	if !k.started.IsZero() {
		k.longest = max(k.longest, time.Since(k.started))
		k.started = time.Time{}
	}
}

// settle waits until nothing is missing anywhere, or says what is.
func (k *kills) settle() {
	posts := k.load.posts()
	deadline := time.Now().Add(settleTime)
	for {
		missing := k.missing(posts)
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			k.Errorf("of %d acknowledged posts, %s after the last kill:\n%s", len(posts), settleTime, strings.Join(missing, "\n"))
			return
		}
		pause(k.Context(), 250*time.Millisecond)
	}
}

// missing says for each place that lacks something what that is.
func (k *kills) missing(posts map[string]*outcome) []string {
	var missing []string
	lacks := func(who string, what []string) {
		if len(what) > 0 {
			missing = append(missing, fmt.Sprintf("%s lacks %d: %s …", who, len(what), strings.Join(what[:min(5, len(what))], ", ")))
		}
	}
	for i, s := range k.load.senders {
		lacks(fmt.Sprintf("sender %d", i), missingAt(s, i, posts))
	}
	for i, s := range k.load.subscribers {
		lacks(fmt.Sprintf("subscriber %d", i), missingAt(s, -1, posts))
	}
	frames, _ := k.stream.all()
	lacks("the firehose", missingFrames(frames, posts))
	return missing
}

// report checks what arrived and tells how it went.
func (k *kills) report(lasted time.Duration) {
	posts := k.load.posts()
	frames, err := k.stream.all()
	if err != nil {
		k.Errorf("the firehose: %v", err)
	}
	k.complain("wrong frames", wrongFrames(frames))
	k.complain("differences of live and replay", unlikeReplay(frames, k.replay(frames)))
	k.complain("posts refused", k.load.refused)
	for i, s := range k.load.senders {
		k.complain(fmt.Sprintf("wrong deliveries to sender %d", i), wrongDeliveries(s, i, posts))
	}
	tries := 0
	for _, post := range posts {
		tries += post.tries
	}
	total, repeated := 0, 0
	for i, s := range k.load.subscribers {
		k.complain(fmt.Sprintf("wrong deliveries to subscriber %d", i), wrongDeliveries(s, -1, posts))
		all, twice := repeats(s)
		total, repeated = total+all, repeated+twice
	}
	k.Logf("%d posts acknowledged in %s after %d tries; %d frames over %d connections; subscribers took %d deliveries, %d of them repeats; longest from start to ready %s",
		len(posts), lasted.Round(time.Second), tries, len(frames), k.stream.resumed, total, repeated, k.longest.Round(time.Millisecond))
	if rate := float64(len(posts)) / lasted.Seconds(); rate < 50 {
		k.Errorf("only %.0f acknowledged posts/s", rate)
	}
	// A repeat is a delivery that was answered and whose position was not yet saved
	// when the program was killed. Receivers drop it by its id; it is at most what
	// a lane delivers in the second between two saves, with what it catches up.
	if most := *roundFlag * killSubscribers * killRate * 3; repeated > most {
		k.Errorf("%d deliveries are repeats, want at most %d", repeated, most)
	}
}

// replay reads the firehose again, from the log's start.
func (k *kills) replay(live []frame) []frame {
	if len(live) == 0 {
		return nil
	}
	again := read(k.T, k.program.firehose())
	newest := live[len(live)-1]
	again.await(k.T, "the newest frame again", func(f frame) bool { return f.Seq >= newest.Seq })
	frames, err := again.all()
	if err != nil {
		k.Errorf("the firehose, read again: %v", err)
	}
	return frames
}

func (k *kills) complain(what string, list []string) {
	k.Helper()
	if len(list) > 0 {
		k.Errorf("%d %s:\n%s", len(list), what, strings.Join(list[:min(5, len(list))], "\n"))
	}
}
