//go:build e2e && linux

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tributary/relay/simulator"
)

// The world of TestShutdown.
const (
	shutdownSenders     = 3
	shutdownSubscribers = 6
	shutdownStops       = 3
)

// SIGTERM under load: whoever reads is told where to resume, and nothing that was
// acknowledged is lost; a second one does not wait for anybody.
func TestShutdown(t *testing.T) {
	s := newShutdown(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { defer close(done); s.load.run(ctx, killRate, stop) }()
	cursors := []uint64{0, 0, 0}
	var seen []frame // by the first client
	for n := range shutdownStops {
		seen = append(seen, s.stopUnderLoad(cursors, n == shutdownStops-1)...)
		s.program.startReady(longerThanTest)
	}
	s.secondSignal()
	s.program.startReady(longerThanTest)
	close(stop)
	<-done
	late := time.AfterFunc(settleTime, cancel)
	s.load.inFlight.Wait()
	late.Stop()
	for _, subscriber := range s.load.subscribers {
		subscriber.Behave(simulator.Behaviour{})
	}
	await(t, "all servers", s.load.lacking(append(s.load.senders, s.load.subscribers...)...))
	await(t, "the firehose", s.load.unseen(s.stream))
	rightFrames(t, s.stream)
	if len(s.load.refused) > 0 {
		t.Errorf("posts were refused: %s", strings.Join(s.load.refused, "\n"))
	}
	live, _ := s.stream.all()
	checkPrefix(t, live, seen)
	if err := s.program.stop(); err != nil {
		t.Error(err)
	}
}

type shutdown struct {
	*testing.T
	program *program
	load    *load
	stream  *reader
}

func newShutdown(t *testing.T) *shutdown {
	program := newProgram(t, "")
	program.startReady(longerThanTest)
	program.dumpIfFailed()
	s := &shutdown{T: t, program: program, stream: read(t, program.firehose())}
	s.load = newLoad(t, newWorld(t, 1), program.inbox(), shutdownSenders, shutdownSubscribers)
	follow(t, program.inbox(), append(s.load.senders, s.load.subscribers...)...)
	return s
}

// stopUnderLoad stops the program while clients read and posts arrive; the last
// time, while a subscriber holds its responses open too. It moves the cursors to
// where the clients were told to resume and returns what the first of them got.
func (s *shutdown) stopUnderLoad(cursors []uint64, hold bool) []frame {
	s.Helper()
	var clients []*oneSession
	for _, cursor := range cursors {
		clients = append(clients, session(s.T, s.program.firehose(), cursor))
	}
	if hold {
		s.load.subscribers[0].Behave(simulator.Behaviour{Inbox: simulator.Hold()})
	}
	before := len(s.load.posts())
	await(s.T, "posts before the end", func() []string {
		if got := len(s.load.posts()) - before; got < killRate {
			return []string{fmt.Sprintf("%d posts", killRate-got)}
		}
		for _, c := range clients {
			if c.count.Load() == 0 {
				return []string{"a frame for each client"}
			}
		}
		return nil
	})
	if err := s.program.stop(); err != nil {
		s.Error(err)
	}
	for n, c := range clients {
		<-c.ended
		resume, err := c.resume()
		if err != nil {
			s.Fatalf("client %d: %v", n, err)
		}
		if last := c.frames[len(c.frames)-1].Seq; resume < last {
			s.Errorf("client %d is to resume at %d and has seen %d", n, resume, last)
		}
		for _, f := range c.frames {
			if f.Seq > resume || f.Seq < cursors[n] {
				s.Errorf("client %d got seq %d between cursors %d and %d", n, f.Seq, cursors[n], resume)
			}
		}
		cursors[n] = resume + 1
	}
	return clients[0].frames
}

// A second SIGTERM ends the program though a subscriber still holds its responses.
func (s *shutdown) secondSignal() {
	s.Helper()
	held := s.load.subscribers[1]
	held.Behave(simulator.Behaviour{Inbox: simulator.Hold()})
	before, deliveries := len(s.load.posts()), len(held.Deliveries())
	await(s.T, "posts to hold", func() []string {
		if len(s.load.posts()) < before+killRate/2 {
			return []string{"posts"}
		}
		return nil
	})
	broker, found := childOf(s.program.cmd.Process.Pid, "broker")
	stops := strings.Count(s.logged(), "a second signal ends at once")
	s.signal()
	await(s.T, "the first signal", func() []string {
		if strings.Count(s.logged(), "a second signal ends at once") == stops {
			return []string{"its line in the log"}
		}
		return nil
	})
	if s.program.gone() {
		s.Error("the program did not wait for what was in flight")
	}
	for !s.program.gone() { // the first of them may come before the program lets go of the signal
		s.signal()
		pause(s.Context(), 20*time.Millisecond)
	}
	status, ok := s.program.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		s.Errorf("after a second SIGTERM: %s, want the end by the signal", s.program.cmd.ProcessState)
	}
	for found && running(broker) {
		pause(s.Context(), 5*time.Millisecond)
	}
	for _, d := range held.Deliveries()[deliveries:] {
		if d.Status != 0 {
			s.Errorf("a held delivery was answered %d", d.Status)
		}
	}
}

func (s *shutdown) signal() { _ = s.program.cmd.Process.Signal(syscall.SIGTERM) }

func (s *shutdown) logged() string {
	text, err := os.ReadFile(s.program.log)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// checkPrefix checks what a client got that resumed where it was told: the frames
// that a steady reader got, each once, up to some place. What was deleted before
// either of them read it, it need not have.
func checkPrefix(t *testing.T, live, got []frame) {
	t.Helper()
	for _, wrong := range wrongFrames(got) {
		t.Error(wrong)
	}
	have, deleted := map[uint64]bool{}, map[string]bool{}
	for _, f := range got {
		have[f.Seq] = true
	}
	for _, f := range live {
		if f.Kind == "delete" {
			deleted[f.URI] = true
		}
	}
	if len(got) == 0 {
		t.Fatal("the client got nothing")
	}
	for _, f := range live {
		if f.Seq <= got[len(got)-1].Seq && !have[f.Seq] && !deleted[f.URI] {
			t.Errorf("the client that resumed where it was told lacks %s %s at %d", f.Kind, f.URI, f.Seq)
		}
	}
}

// oneSession is a client of the firehose that does not come back.
type oneSession struct {
	ended  chan struct{} // closed at the end of the connection
	count  atomic.Int64  // frames so far
	frames []frame       // without heartbeats; after ended
	err    error         // that ended it; after ended
}

func session(t *testing.T, url string, cursor uint64) *oneSession {
	t.Helper()
	connection, answer, err := websocket.DefaultDialer.DialContext(t.Context(), fmt.Sprintf("%s?cursor=%d", url, cursor), nil)
	if err != nil {
		t.Fatalf("cursor %d: %v, %+v", cursor, err, answer)
	}
	s := &oneSession{ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		defer func() { _ = connection.Close() }()
		for {
			var text []byte
			if _, text, s.err = connection.ReadMessage(); s.err != nil {
				return
			}
			var f frame
			if s.err = json.Unmarshal(text, &f); s.err != nil {
				return
			}
			if f.Kind != "heartbeat" {
				s.frames = append(s.frames, f)
				s.count.Add(1)
			}
		}
	}()
	t.Cleanup(func() { _ = connection.Close(); <-s.ended })
	return s
}

var resumeText = regexp.MustCompile(`resume with cursor=(\d+)$`)

// resume is the seq that the close frame named.
func (s *oneSession) resume() (uint64, error) {
	var closed *websocket.CloseError
	if !errors.As(s.err, &closed) || closed.Code != websocket.CloseGoingAway {
		return 0, fmt.Errorf("the connection ended with %w, want a close frame 1001", s.err)
	}
	match := resumeText.FindStringSubmatch(closed.Text)
	if match == nil {
		return 0, fmt.Errorf("the close frame says %q, which names no seq to resume from", closed.Text)
	}
	return strconv.ParseUint(match[1], 10, 64)
}

// A reader is told at once, and does not wait for a request that is still under way,
// which is answered.
func TestToldBeforeTheRest(t *testing.T) {
	program := newProgram(t, "")
	program.startReady()
	reader := session(t, program.firehose(), 0)
	post, err := net.Dial("tcp", program.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = post.Close() }()
	// The inbox reads the body of what looks signed; it says so, as it was asked to (100).
	_, err = fmt.Fprintf(post, "POST /inbox HTTP/1.1\r\nHost: %s\r\nDate: %s\r\nDigest: SHA-256=%s\r\n"+
		"Content-Type: application/activity+json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"+
		"Signature: keyId=\"http://127.0.0.1:1/nobody#key\",headers=\"(request-target) host date digest\",signature=\"AAAA\"\r\n\r\n",
		program.listen, time.Now().UTC().Format(http.TimeFormat), strings.Repeat("A", 43)+"=")
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(post)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("before the body: %q, %v", line, err)
	}
	_, _ = answers.ReadString('\n')
	if err := program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-reader.ended
	if _, err := reader.resume(); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(post, "{}"); err != nil {
		t.Error(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 401") {
		t.Errorf("after the body: %q, %v", line, err)
	}
	<-program.exited
	if code := program.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("ended with %s", program.cmd.ProcessState)
	}
}

// A second instance on the same folder is refused and changes nothing.
func TestSecondInstance(t *testing.T) {
	program := newProgram(t, "")
	program.startReady()
	command := exec.CommandContext(t.Context(), program.binary, "serve", "--dev",
		"--data", program.data, "--listen", freeAddress(t), "--debug-listen", freeAddress(t))
	command.Env = cleanEnvironment()
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the second instance ended with %v", err)
	}
	for _, word := range []string{program.data, "in use by another instance"} {
		if !strings.Contains(string(output), word) {
			t.Errorf("the second instance says %q, and nothing of %q", output, word)
		}
	}
	if err := program.ready(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("unix", program.brokerSocket()); err != nil {
		t.Errorf("the first instance's broker: %v", err)
	} else {
		_ = conn.Close()
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}
