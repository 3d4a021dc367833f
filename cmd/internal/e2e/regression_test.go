//go:build e2e && linux

package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// A log that lost records, all of it, or records that it never had: readers that
// resume are told, nothing is shown twice, and everybody is served on.
func TestRegression(t *testing.T) {
	stop := func(r *regression) {
		if err := r.program.stop(); err != nil {
			r.Error(err)
		}
	}
	kill := func(r *regression) { r.program.killAll() }
	for _, c := range []struct {
		name    string
		end     func(*regression) // of the program, before its log is replaced
		replace func(r *regression, older string)
		foreign int // posts that others appended meanwhile
	}{
		{"shortened", stop, func(r *regression, older string) { r.program.replaceLog(older) }, 0},
		{"shortened after kill -9", kill, func(r *regression, older string) { r.program.replaceLog(older) }, 0},
		{"emptied", stop, func(r *regression, _ string) { r.program.replaceLog("") }, 0},
		{"emptied after kill -9", kill, func(r *regression, _ string) { r.program.replaceLog("") }, 0},
		{"shortened and regrown", stop, func(r *regression, older string) {
			r.program.replaceLog(older)
			r.program.appendAlone(foreign(foreignHost, foreignPosts)...)
		}, foreignPosts},
		{"shortened and regrown after kill -9", kill, func(r *regression, older string) {
			r.program.replaceLog(older)
			r.program.appendAlone(foreign(foreignHost, foreignPosts)...)
		}, foreignPosts},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegression(t)
			r.program.startReady()
			follow(t, r.program.inbox(), r.sender, r.near, r.away)
			first := r.write(4)
			stop(r)
			older := r.program.copyLog()
			r.program.startReady()
			r.away.Down()
			lost := r.write(6)
			c.end(r)
			c.replace(r, older)
			r.program.startReady()
			if err := r.away.Up(); err != nil {
				t.Fatal(err)
			}
			next := r.write(2)
			r.took(r.away, next)
			r.gap("regressed", lost[len(lost)-1], next[0], c.foreign)

			// Once more, without an accident: what was agreed on holds.
			kill(r)
			r.program.startReady()
			more := r.write(1)
			r.took(r.away, more)
			r.checkFrames(1)
			r.checkReplay(first, lost, append(next, more...), c.foreign)
			stop(r)
		})
	}
	t.Run("expired", testExpired)
}

// Of a log whose older half is gone a reader gets the rest, and is told.
func testExpired(t *testing.T) {
	r := newRegression(t)
	r.program.startReady()
	follow(t, r.program.inbox(), r.sender, r.near, r.away)
	r.away.Down()
	first := r.write(1)
	seen := r.seqOf(first[0])
	r.write(29)
	if err := r.program.stop(); err != nil {
		t.Error(err)
	}
	r.program.startReady() // what memory held is gone
	middle := r.program.expireHalf()
	next := r.write(1)

	again := readFrom(t, r.program.firehose(), seen)
	again.await(t, "the newest post", func(f frame) bool { return f.URI == next[0] })
	frames, err := again.all()
	if err != nil {
		t.Error(err)
	}
	if len(frames) == 0 || frames[0].Kind != "gap" || frames[0].Reason != "expired" {
		t.Fatalf("a reader at seq %d got %+v first, want a gap", seen, frames[0])
	}
	live, _ := r.stream.all()
	var rest []uint64
	for _, f := range live {
		if f.Seq >= frames[0].To {
			rest = append(rest, f.Seq)
		}
	}
	if len(rest) < 2 || len(rest) >= len(live) {
		t.Errorf("%d of %d frames are left behind offset %d", len(rest), len(live), middle)
	}
	for n, f := range frames[1:] {
		if n >= len(rest) || f.Seq != rest[n] || f.Kind != "create" {
			t.Fatalf("frame %d after the gap is %s %d, want the seqs %v", n, f.Kind, f.Seq, rest)
		}
	}
	if len(frames)-1 != len(rest) {
		t.Errorf("%d frames after the gap, want %d", len(frames)-1, len(rest))
	}
	r.checkFrames(0) // who was there all the time missed nothing

	if err := r.away.Up(); err != nil {
		t.Fatal(err)
	}
	left := []string{}
	for _, f := range frames[1:] {
		left = append(left, f.URI)
	}
	r.took(r.away, left)
	if err := r.program.stop(); err != nil {
		t.Error(err)
	}
}

const (
	foreignHost  = "b.example"
	foreignPosts = 20 // more than are lost
)

type regression struct {
	*testing.T
	program    *program
	stream     *reader
	sender     *simulator.Server
	near, away *simulator.Server // subscribers; one is away for a time
}

func newRegression(t *testing.T) *regression {
	program := newProgram(t, "")
	world := newWorld(t, 1)
	server := func(name string) *simulator.Server {
		return simulated(t, world, simulator.Config{Name: name, Accounts: []simulator.Account{{Name: shown, Discoverable: true, Indexable: true}}})
	}
	return &regression{
		T: t, program: program, stream: read(t, program.firehose()),
		sender: server("sender"), near: server("near"), away: server("away"),
	}
}

// write posts, and waits until the near subscriber and the firehose have it all.
func (r *regression) write(count int) []string {
	r.Helper()
	var objects []string
	for range count {
		posted, response, err := r.sender.Post(r.Context(), r.program.inbox(), simulator.Post{Author: shown})
		if err != nil || response.Status != http.StatusAccepted {
			r.Fatalf("post: %d %q, %v", response.Status, response.Body, err)
		}
		objects = append(objects, posted.Object)
	}
	for _, object := range objects {
		r.seqOf(object)
	}
	r.took(r.near, objects)
	return objects
}

// seqOf waits for a post on the firehose.
func (r *regression) seqOf(object string) uint64 {
	r.Helper()
	return r.stream.await(r.T, object, func(f frame) bool { return f.URI == object }).Seq
}

// took waits until a server has the posts.
func (r *regression) took(by *simulator.Server, objects []string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), arrivalTime)
	defer cancel()
	for _, object := range objects {
		if _, err := by.Await(ctx, func(d simulator.Delivery) bool { return d.Object == object && d.Received() }); err != nil {
			r.Fatalf("%s does not get %s: %v", by.Host(), object, err)
		}
	}
}

// gap checks what the reader that resumed was told between two posts, and that it
// got what was appended by others, as did the subscribers.
func (r *regression) gap(reason, before, after string, others int) {
	r.Helper()
	from, to := r.seqOf(before), r.seqOf(after)
	frames, _ := r.stream.all()
	gaps, creates := 0, 0
	var objects []string
	for _, f := range frames {
		switch {
		case f.Seq <= from || f.Seq >= to:
		case f.Kind == "gap":
			gaps++
			if f.Reason != reason || f.From <= from-1 || f.To <= f.From || f.To > to || creates > 0 {
				r.Errorf("after seq %d, before %d, a gap %+v", from, to, f)
			}
		case f.Domain == foreignHost:
			creates++
			objects = append(objects, f.URI)
		default:
			r.Errorf("a frame between the two: %+v", f)
		}
	}
	if gaps != 1 || creates != others {
		r.Errorf("%d gaps and %d posts of others between seqs %d and %d, want 1 and %d", gaps, creates, from, to, others)
	}
	r.took(r.near, objects)
	r.took(r.away, objects)
}

// checkFrames checks all that the reader got: no seq and no post twice, so many gaps.
func (r *regression) checkFrames(gaps int) {
	r.Helper()
	frames, err := r.stream.all()
	if err != nil {
		r.Error(err)
	}
	posts := frames[:0]
	for _, f := range frames {
		if f.Kind != "gap" {
			posts = append(posts, f)
			continue
		}
		gaps--
	}
	for _, wrong := range wrongFrames(posts) {
		r.Error(wrong)
	}
	if gaps != 0 {
		r.Errorf("%d gaps fewer than there should be", gaps)
	}
}

// checkReplay reads from the log's start: nothing twice, nothing of what was lost,
// under the seqs that were shown live.
func (r *regression) checkReplay(first, lost, next []string, others int) {
	r.Helper()
	again := read(r.T, r.program.firehose())
	newest := next[len(next)-1]
	again.await(r.T, newest, func(f frame) bool { return f.URI == newest })
	frames, err := again.all()
	if err != nil {
		r.Error(err)
	}
	live, _ := r.stream.all()
	seqs := map[string]uint64{}
	for _, f := range live {
		seqs[f.URI] = f.Seq
	}
	got := map[string]int{}
	for _, f := range frames {
		if f.Seq != seqs[f.URI] && f.Kind != "gap" {
			r.Errorf("%s at seq %d was live at %d", f.URI, f.Seq, seqs[f.URI])
		}
		got[f.URI]++
		if strings.Contains(f.URI, foreignHost) {
			others--
		}
	}
	for _, object := range next {
		if got[object] != 1 {
			r.Errorf("%s is there %d times", object, got[object])
		}
	}
	for _, object := range first {
		if got[object] > 1 {
			r.Errorf("%s is there %d times", object, got[object])
		}
	}
	for _, object := range lost {
		if got[object] != 0 {
			r.Errorf("%s was lost and is there", object)
		}
	}
	if others != 0 {
		r.Errorf("%d posts of others are missing", others)
	}
}

// killAll is kill -9 of the program and its broker; it returns when both are gone.
func (p *program) killAll() {
	broker, found := childOf(p.cmd.Process.Pid, "broker")
	p.kill()
	for found && running(broker) {
		pause(p.t.Context(), 5*time.Millisecond)
	}
}
