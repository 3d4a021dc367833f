package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page of 40, from the request to the last byte, without the query: what the
// API adds to the index's own time.
func BenchmarkPage(b *testing.B) {
	f := newFake(40)
	mux := http.NewServeMux()
	New(config, Deps{Queries: f, Log: slog.New(slog.DiscardHandler)}).Routes(mux)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/timelines/tag/cats?limit=40", nil)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		w.n = 0
		f.asked = f.asked[:0]
		mux.ServeHTTP(w, r)
	}
	b.SetBytes(int64(w.n))
	b.ReportMetric(float64(w.n), "B/page")
}

type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
