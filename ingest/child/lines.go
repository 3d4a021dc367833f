package child

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// lines is an io.Writer that hands on what is written line by line, without the
// newline, cutting what is longer than LineMax. It never fails: a child must not
// die of its log.
type lines struct {
	emit func(line []byte, cut int) // line is only valid during the call
	buf  []byte
	cut  int // bytes of the line dropped so far
}

func newLines(emit func(line []byte, cut int)) *lines { return &lines{emit: emit} }

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		room := min(len(line), LineMax-len(l.buf))
		l.buf = append(l.buf, line[:room]...)
		l.cut += len(line) - room
		if !ended {
			return n, nil
		}
		l.emit(bytes.TrimSuffix(l.buf, []byte{'\r'}), l.cut)
		l.buf, l.cut = l.buf[:0], 0
		b = rest
	}
}

// flush hands on what the child wrote after its last newline.
func (l *lines) flush() {
	if len(l.buf) > 0 {
		l.emit(l.buf, l.cut)
		l.buf, l.cut = l.buf[:0], 0
	}
}

// words keeps the newest line of a life that tells why it ended: an error of its
// log, or the first of the lines that are no log lines ("panic: …").
type words struct {
	mu   sync.Mutex
	line string
	raw  bool
	at   time.Time
}

// lastWords is how long before its end a child says why it ends. An older line is about
// something else.
const lastWords = 5 * time.Second

func (w *words) set(line string, raw bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if raw && w.raw {
		return // the goroutine dump below the panic
	}
	w.line, w.raw, w.at = line, raw, time.Now()
}

func (w *words) get() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) > lastWords {
		return ""
	}
	return w.line
}

const readyLine = "ready"

func (p *Process) output(line []byte, cut int) {
	if string(line) == readyLine && cut == 0 {
		p.becameReady()
		return
	}
	p.log.Info("child output", withCut(cut, slog.String("line", string(line)))...)
}

// forward logs a line of the child's standard error: a line of Logger with its own
// level, message and attributes, anything else as a warning.
func (p *Process) forward(last *words, line []byte, cut int) {
	ctx := context.Background()
	level, msg, attrs, ok := parseLine(line)
	if !ok {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		last.set(string(line), true)
		p.log.Warn("child output", withCut(cut, slog.String("line", string(line)))...)
		return
	}
	if level >= slog.LevelError {
		last.set(sentence(msg, attrs), false)
	}
	p.log.LogAttrs(ctx, level, msg, attrs...)
}

func withCut(cut int, args ...any) []any {
	if cut > 0 {
		args = append(args, slog.Int("cut_bytes", cut))
	}
	return args
}

// parseLine reads a line that slog's JSONHandler wrote. The child's time is dropped:
// the parent's handler adds its own.
func parseLine(line []byte) (level slog.Level, msg string, attrs []slog.Attr, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return 0, "", nil, false
	}
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return 0, "", nil, false
	}
	name, _ := fields[slog.LevelKey].(string)
	msg, ok = fields[slog.MessageKey].(string)
	if !ok || level.UnmarshalText([]byte(name)) != nil {
		return 0, "", nil, false
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		switch k {
		case slog.LevelKey, slog.MessageKey, slog.TimeKey:
		default:
			attrs = append(attrs, slog.Any(k, fields[k]))
		}
	}
	return level, msg, attrs, true
}

func sentence(msg string, attrs []slog.Attr) string {
	var b strings.Builder
	b.WriteString(msg)
	for _, a := range attrs {
		if a.Key == "err" {
			b.WriteString(": " + a.Value.String())
		}
	}
	return b.String()
}
