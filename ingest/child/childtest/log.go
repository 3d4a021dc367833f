package childtest

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// Log is a logger that writes to the test's log. What uses it ends before the test does.
func Log(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(writer{t}, nil)) }

type writer struct{ t testing.TB }

func (w writer) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Recorder keeps what is logged.
type Recorder struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

// Write takes a line of the log.
func (r *Recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(b))
	return len(b), nil
}

// Logger logs to the recorder.
func (r *Recorder) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// String is all that was logged.
func (r *Recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "")
}

// Line is the first line with these words, "" if there is none.
func (r *Recorder) Line(words string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if strings.Contains(l, words) {
			return l
		}
	}
	return ""
}

// Await waits for a line with these words.
func (r *Recorder) Await(t testing.TB, words string) (line string) {
	t.Helper()
	Await(t, fmt.Sprintf("log line with %q", words), func() bool { line = r.Line(words); return line != "" })
	return line
}
