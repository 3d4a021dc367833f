//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// busy is how many posts of a burst are under way at once.
const busy = 8

// await waits until nothing is missing any more, or says what is.
func await(t *testing.T, what string, missing func() []string) {
	t.Helper()
	deadline := time.Now().Add(settleTime)
	for {
		left := missing()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: after %s there lack %d: %s", what, settleTime, len(left), strings.Join(left[:min(5, len(left))], "\n"))
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

// burst posts a number of posts, from the nth on, and returns when all were taken.
func (l *load) burst(from, count int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), settleTime)
	defer cancel()
	free := make(chan struct{}, busy)
	var posting sync.WaitGroup
	for n := from; n < from+count; n++ {
		free <- struct{}{}
		posting.Go(func() { l.one(ctx, n); <-free })
	}
	posting.Wait()
	if ctx.Err() != nil {
		l.t.Fatalf("posts were not taken within %s", settleTime)
	}
	if len(l.refused) > 0 {
		l.t.Fatalf("posts were refused: %s", strings.Join(l.refused, "\n"))
	}
}

// lacking says what the servers lack of all that was acknowledged so far.
func (l *load) lacking(servers ...*simulator.Server) func() []string {
	posts := l.posts()
	return func() []string {
		var all []string
		for _, s := range servers {
			for _, object := range missingAt(s, l.index(s), posts) {
				all = append(all, s.Host()+" lacks "+object)
			}
		}
		return all
	}
}

// index is a server's place among the senders, or −1.
func (l *load) index(s *simulator.Server) int {
	for i, sender := range l.senders {
		if s == sender {
			return i
		}
	}
	return -1
}

// unseen says what the firehose lacks of all that was acknowledged so far.
func (l *load) unseen(stream *reader) func() []string {
	posts := l.posts()
	return func() []string {
		frames, _ := stream.all()
		return missingFrames(frames, posts)
	}
}

// rightFrames checks what came over the firehose.
func rightFrames(t *testing.T, stream *reader) {
	t.Helper()
	frames, err := stream.all()
	if err != nil {
		t.Errorf("the firehose: %v", err)
	}
	for _, wrong := range wrongFrames(frames) {
		t.Error(wrong)
	}
}

// follow subscribes servers, all at once.
func follow(t *testing.T, inbox string, servers ...*simulator.Server) {
	t.Helper()
	var following sync.WaitGroup
	for _, s := range servers {
		following.Go(func() {
			if err := subscribe(t.Context(), inbox, s); err != nil {
				t.Error(err)
			}
		})
	}
	following.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func subscribe(ctx context.Context, inbox string, s *simulator.Server) error {
	ctx, cancel := context.WithTimeout(ctx, arrivalTime)
	defer cancel()
	_, response, err := s.Follow(ctx, inbox)
	if err != nil || !response.OK() {
		return fmt.Errorf("the Follow of %s: %d %q, %w", s.Host(), response.Status, response.Body, err)
	}
	if state, err := s.AwaitFollow(ctx, inbox); err != nil || state != simulator.FollowAccepted {
		return fmt.Errorf("the Follow of %s: %q, %w", s.Host(), state, err)
	}
	return nil
}

// dumpIfFailed logs where the goroutines of the program stand at the end of a test that failed.
func (p *program) dumpIfFailed() {
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("goroutines of the program:\n%s", strings.Join(p.stacks("tributary/"), "\n"))
		}
	})
}
