//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// library is a client library of Mastodon, as its users have it.
type library interface {
	// timeline follows the links from page to page: of a tag, or public when tag is empty.
	timeline(tag string, limit int) ([][]reading, error)
	search(text string) ([]reading, error)
	// lookup finds an author by name@host, and the address of its page by its id.
	lookup(acct string) (page string, err error)
	status(id string) (reading, error)
	// stream begins to hear a tag, or what is public when tag is empty.
	stream(tag string) error
	heard() *heard
}

// event is what a stream brought.
type event struct {
	Stream string `json:"stream"` // "public" or "tag"
	Event  string `json:"event"`  // update, status.update, delete
	reading
	at time.Time
}

// heard are the events of a library's streams.
type heard struct {
	mu      sync.Mutex // guards what follows
	events  []event
	changed chan struct{} // closed when an event came
}

func newHeard() *heard { return &heard{changed: make(chan struct{})} }

func (h *heard) take(e event) {
	e.at = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	close(h.changed)
	h.changed = make(chan struct{})
}

// all are the events so far.
func (h *heard) all() (events []event, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[:len(h.events):len(h.events)], h.changed
}

// await waits for an event.
func (h *heard) await(t *testing.T, condition func(event) bool) (event, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), arrivalTime)
	defer cancel()
	for seen := 0; ; {
		events, changed := h.all()
		for _, e := range events[seen:] {
			if condition(e) {
				return e, true
			}
		}
		seen = len(events)
		select {
		case <-changed:
		case <-ctx.Done():
			return event{}, false
		}
	}
}

// script is a library of another language: a process that speaks the lines
// described in clients/masto.mjs.
type script struct {
	*process
	*heardBy
	input io.WriteCloser
	ended chan struct{} // closed when the last line was read

	mu      sync.Mutex // guards what follows
	n       int
	waiting map[int]chan answer
}

// heardBy makes heard a method.
type heardBy struct{ events *heard }

func (h *heardBy) heard() *heard { return h.events }

type answer struct {
	N      int             `json:"n"`
	Answer json.RawMessage `json:"answer"`
	Error  string          `json:"error"`
}

// startScript runs a script of clients/ until the test ends.
func startScript(t *testing.T, env []string, name string, arguments ...string) *script {
	t.Helper()
	log := filepath.Join(t.TempDir(), "script.log")
	errorsTo, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errorsTo.Close() }()
	command := exec.Command(name, arguments...)
	command.Dir, command.Stderr = "clients", errorsTo
	command.Env = append(os.Environ(), env...)
	s := &script{heardBy: &heardBy{newHeard()}, ended: make(chan struct{}), waiting: map[int]chan answer{}}
	if s.input, err = command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout = writer
	s.process, err = spawn(command)
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	go s.read(output)
	t.Cleanup(func() {
		s.kill()
		<-s.ended
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", strings.Join(arguments, " "), tail(log, 20))
		}
	})
	return s
}

// read takes the script's lines until it ends.
func (s *script) read(output io.ReadCloser) {
	defer close(s.ended)
	defer func() { _ = output.Close() }()
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			answer
			event
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			line.event = event{Event: fmt.Sprintf("%v: %s", err, lines.Bytes())}
		}
		if line.N == 0 {
			s.events.take(line.event)
			continue
		}
		s.mu.Lock()
		s.waiting[line.N] <- line.answer
		delete(s.waiting, line.N)
		s.mu.Unlock()
	}
}

// order gives a command and waits for its answer.
func (s *script) order(what map[string]any, into any) error {
	answered := make(chan answer, 1)
	s.mu.Lock()
	s.n++
	what["n"] = s.n
	s.waiting[s.n] = answered
	s.mu.Unlock()
	line, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err := s.input.Write(append(line, '\n')); err != nil {
		return err
	}
	select {
	case a := <-answered:
		if a.Error != "" {
			return errors.New(a.Error)
		}
		return json.Unmarshal(a.Answer, into)
	case <-s.ended:
		return errors.New("the script has ended")
	case <-time.After(settleTime):
		return fmt.Errorf("no answer in %s to %s", settleTime, line)
	}
}

func (s *script) timeline(tag string, limit int) (pages [][]reading, err error) {
	if tag == "" {
		return pages, s.order(map[string]any{"do": "public", "limit": limit}, &pages)
	}
	return pages, s.order(map[string]any{"do": "tag", "tag": tag, "limit": limit}, &pages)
}

func (s *script) search(text string) (found []reading, err error) {
	return found, s.order(map[string]any{"do": "search", "text": text}, &found)
}

func (s *script) lookup(acct string) (page string, err error) {
	return page, s.order(map[string]any{"do": "lookup", "acct": acct}, &page)
}

func (s *script) status(id string) (r reading, err error) {
	return r, s.order(map[string]any{"do": "status", "id": id}, &r)
}

func (s *script) stream(tag string) error {
	what := map[string]any{"do": "stream"}
	if tag != "" {
		what["tag"] = tag
	}
	return s.order(what, &struct{}{})
}

// newMastoJS is masto.js; its streams are WebSockets.
func newMastoJS(t *testing.T, url string) library {
	t.Helper()
	for _, install := range []func() error{installed, mastoJS} { // the first brings the Node.js
		if err := install(); err != nil {
			t.Fatal(err)
		}
	}
	return startScript(t, nil, "../fedify/node_modules/node/bin/node", "masto.mjs", url)
}

var mastoJS = sync.OnceValue(func() error { return npm("clients") })

// newMastodonPy is Mastodon.py; its streams are server-sent events. Without Python
// the test is skipped.
func newMastodonPy(t *testing.T, url string) library {
	t.Helper()
	if err := mastodonPy(); err != nil {
		if errors.Is(err, errNoPython) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return startScript(t, []string{"PYTHONPATH=" + pythonModules}, "python3", "mastodon_py.py", url)
}

// pythonModules is where pip puts packages, in clients/.
const pythonModules = "python_modules"

var errNoPython = errors.New("python3 with pip is not there: install both to test with Mastodon.py")

var mastodonPy = sync.OnceValue(func() error {
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		return errNoPython
	}
	wanted, err := os.ReadFile("clients/requirements.txt")
	if err != nil {
		return err
	}
	target := filepath.Join("clients", pythonModules)
	mark := filepath.Join(target, "requirements.txt")
	if there, err := os.ReadFile(mark); err == nil && bytes.Equal(there, wanted) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--root-user-action=ignore", "--no-deps", "--upgrade", "--target", target, "-r", "clients/requirements.txt")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("e2e: pip install -r cmd/internal/e2e/clients/requirements.txt: %w\n%s", err, output)
	}
	return os.WriteFile(mark, wanted, 0o600)
})
