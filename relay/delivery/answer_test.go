package delivery

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestJudge(t *testing.T) {
	for status, want := range map[int]verdict{
		200: settled, 202: settled, 204: settled, 299: settled,
		100: judgedServer, 301: judgedServer, 308: judgedServer,
		400: judgedRecord, 404: judgedRecord, 405: judgedRecord, 406: judgedRecord, 409: judgedRecord,
		410: judgedRecord, 413: judgedRecord, 415: judgedRecord, 422: judgedRecord, 451: judgedRecord, 499: judgedRecord,
		401: judgedServer, 403: judgedServer, 408: judgedServer, 421: judgedServer, 429: judgedServer,
		500: judgedServer, 501: judgedServer, 502: judgedServer, 503: judgedServer, 504: judgedServer, 522: judgedServer,
		0: judgedServer, 600: judgedServer,
	} {
		if got := judge(status); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"-5":                            0,
		"soon":                          0,
		"4000000000":                    retryAfterMax,
		"99999999999999999999":          0,
		"Mon, 23 Nov 2026 12:01:00 GMT": time.Minute,
		"Mon, 23 Nov 2026 11:59:00 GMT": 0,
		"Mon, 23 Nov 2099 12:01:00 GMT": retryAfterMax,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{503, "", "503 Service Unavailable"},
		{401, "  {\"error\":\n\t\"no key\"}\r\n", `401 Unauthorized: {"error": "no key"}`},
		{599, "x\x00\x1b[31my\xff\xfez", "599: x [31my z"},
		{500, "\u202egnp.exe", "500 Internal Server Error: gnp.exe"},
	} {
		if got := errorText(c.status, []byte(c.body)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add([]byte("<html><body>502</body>\r\n</html>"))
	f.Add([]byte("\xf0\x28\x8c\x28 \u2028\u0000 é"))
	f.Add([]byte(strings.Repeat("é", textMax)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := oneLine(b)
		if len(s) > textMax || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\t\x00") || strings.Contains(s, "  ") {
			t.Errorf("%q of %q", s, b)
		}
	})
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second,
		9: 512 * time.Second, 10: backoffMax, 11: backoffMax, 1000: backoffMax,
	} {
		for range 50 {
			if d := backoff(n); d < want/2 || d > want {
				t.Fatalf("pause %v after %d failures: not within %v … %v", d, n, want/2, want)
			}
		}
	}
}

func TestFailedNoticesTheBrokenRecord(t *testing.T) {
	start := time.Now()
	run := func(status, tries int, every time.Duration, okEach int64) bool {
		var f failed
		for i := range tries {
			if f.add(status, int64(i)*okEach, start.Add(time.Duration(i)*every)) {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		name   string
		status int
		tries  int
		every  time.Duration
		okEach int64
		want   bool
	}{
		{"a 500 that stays while others go through", 500, 11, 2 * time.Minute, 50, true},
		{"nothing goes through", 500, 1000, 2 * time.Minute, 0, false},
		{"too few tries", 500, 9, 2 * time.Minute, 1000, false},
		{"too short", 500, 50, time.Second, 1000, false},
		{"an overloaded server", 503, 1000, 2 * time.Minute, 1000, false},
		{"a timeout", 0, 1000, 2 * time.Minute, 1000, false},
	} {
		if got := run(c.status, c.tries, c.every, c.okEach); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
