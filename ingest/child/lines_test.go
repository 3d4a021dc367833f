package child

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", LineMax+5)
	for name, c := range map[string]struct {
		writes []string
		want   []string
	}{
		"one":               {[]string{"a\n"}, []string{"a+0"}},
		"split":             {[]string{"a", "b", "\nc\n"}, []string{"ab+0", "c+0"}},
		"carriage return":   {[]string{"a\r\n"}, []string{"a+0"}},
		"empty":             {[]string{"\n\n"}, []string{"+0", "+0"}},
		"unfinished":        {[]string{"a\nb"}, []string{"a+0", "b+0"}},
		"too long":          {[]string{long + "\nb\n"}, []string{long[:LineMax] + "+5", "b+0"}},
		"too long in parts": {[]string{long, long, "\n"}, []string{long[:LineMax] + fmt.Sprintf("+%d", LineMax+10)}},
	} {
		var got []string
		l := newLines(func(line []byte, cut int) { got = append(got, fmt.Sprintf("%s+%d", line, cut)) })
		for _, w := range c.writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: Write: %d, %v", name, n, err)
			}
		}
		l.flush()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %d lines, want %d: %.80q", name, len(got), len(c.want), got)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"m","a":{"b":[1,2]}}`))
	f.Add([]byte(`{"level":"","msg":1}`))
	f.Add([]byte("panic: x"))
	f.Fuzz(func(t *testing.T, line []byte) {
		_, _, attrs, ok := parseLine(line)
		if !ok && attrs != nil {
			t.Error("attributes of a line that is none")
		}
	})
}

func TestBackoff(t *testing.T) {
	b := backoff{min: 100, max: 1000, healthy: 5000}
	var got []time.Duration
	var pause time.Duration
	for range 6 {
		pause = b.next(pause, 1)
		got = append(got, pause)
	}
	if want := []time.Duration{100, 200, 400, 800, 1000, 1000}; !slices.Equal(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
	if p := b.next(pause, 5000); p != 100 {
		t.Errorf("pause after a healthy life is %v", p)
	}
}
