package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"tributary/index/engine/chdb"
)

// Options say what to serve, and where.
type Options struct {
	// Library is the path of libchdb.so. Required.
	Library string
	// Dir holds the data. Required.
	Dir string
	// Config is the path of config.xml. Required.
	Config string
	// Listener is the socket. Required; Run closes it.
	Listener net.Listener
	// Credentials are demanded of every request. nil: whoever can connect may ask.
	Credentials *Credentials
	// Sessions is how many statements run at once; further ones wait. Required.
	Sessions int
	// Log is required.
	Log *slog.Logger
	// Ready is called once, when clients are served.
	Ready func()
}

// Bounds of requests and of the end.
const (
	headerMax  = 1 << 20          // bytes; the address holds the parameters
	headerTime = 10 * time.Second // for a client to send it
	drainTime  = 3 * time.Second  // for statements that run when the engine must end; then they are killed
)

// Run is the main of the engine's process: it opens the engine, says Ready and serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	defer o.Listener.Close()
	debug.SetGCPercent(50) // the heap is small and mostly garbage of requests
	begun := time.Now()
	engine, err := chdb.Open(chdb.Options{
		Library: o.Library, Path: o.Dir, Args: []string{"--config-file=" + o.Config},
	})
	if err != nil {
		if errors.Is(err, chdb.ErrLibrary) {
			return fmt.Errorf("%w: install the right one with `make engine-lib`", err)
		}
		return fmt.Errorf("%w in %s, the line before says why; moved away, it starts empty: %w", ErrStart, o.Dir, err)
	}
	s, err := newServer(engine, o.Sessions, o.Log.With("component", "engine"))
	if err != nil {
		return err
	}
	s.credentials = o.Credentials
	s.log.Info("engine serves", "clickhouse", s.version, "library", engine.LibraryVersion(),
		"took", time.Since(begun).Round(time.Millisecond).String())
	if err := s.run(ctx, o); err != nil {
		return err // statements may still run: the library would wait for them, the end of the process does not
	}
	s.close()
	engine.Close()
	return nil
}

func (s *Server) run(ctx context.Context, o Options) error {
	requests, kill := context.WithCancel(context.Background())
	defer kill()
	web := &http.Server{
		Handler: s, MaxHeaderBytes: headerMax, ReadHeaderTimeout: headerTime,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(o.Listener) }()
	if o.Ready != nil {
		o.Ready()
	}
	select {
	case <-ctx.Done():
	case err := <-served:
		return fmt.Errorf("engine: serving: %w", err)
	}
	if shutdown(web) != nil {
		kill()
		if err := shutdown(web); err != nil {
			return fmt.Errorf("engine: statements do not end: %w", err)
		}
	}
	<-served
	return nil
}

func shutdown(web *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return web.Shutdown(ctx)
}
