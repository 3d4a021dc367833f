package daemon

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveDebug adds the second listener: health, readiness, metrics, profiles.
func (d *Daemon) serveDebug() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ErrorLog: quietLog(d.log)}
	d.parts.add("debug listener", func(ctx context.Context) error { return serve(ctx, server, d.debug) })
}

// readyz answers 200 when the state database has caught up with the log.
func (d *Daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-d.ingest.Ready():
		fmt.Fprintln(w, "ready")
	default:
		http.Error(w, fmt.Sprintf("not ready: the state database is at seq %d of %d", d.ingest.StatePosition(), d.ingest.Tail().Tip()),
			http.StatusServiceUnavailable)
	}
}

// quietLog takes what net/http says of strangers' broken connections: debug, and
// no more than a few lines a second.
func quietLog(l *slog.Logger) *log.Logger {
	return log.New(&throttled{log: l}, "", 0)
}

type throttled struct {
	log    *slog.Logger
	second atomic.Int64
	lines  atomic.Int64
}

func (t *throttled) Write(p []byte) (int, error) {
	if now := time.Now().Unix(); t.second.Swap(now) != now {
		t.lines.Store(0)
	}
	if t.lines.Add(1) <= 5 {
		t.log.Debug("http server", "msg", string(p))
	}
	return len(p), nil
}
