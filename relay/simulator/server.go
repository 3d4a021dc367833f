package simulator

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxInboxBytes bounds a request to an inbox, maxAnswerBytes what is read of an answer.
const (
	maxInboxBytes  = 1 << 20
	maxAnswerBytes = 64 << 10
)

// Config is what a server is born with.
type Config struct {
	Name          string // for logs; a default by number when empty
	Software      string // NodeInfo name; "mastodon" when empty
	Accounts      []Account
	DiscardBodies bool          // deliveries keep no bytes: for long runs
	Remember      int           // deliveries kept, the newest; all when 0
	Nature        Nature        // Good when empty
	Pause         time.Duration // of a slow server, before each byte
}

// Server is one server of the fediverse, on a port of its own.
type Server struct {
	cfg    Config
	log    *slog.Logger
	keys   []*rsa.PrivateKey
	client *http.Client
	rng    *rand.Rand // of the site

	mu         sync.Mutex // guards what follows
	addr       string     // host:port; kept over Down and Up
	http       *http.Server
	stopped    chan struct{} // closed when http has ended
	behaviour  Behaviour
	switched   chan struct{}      // closed when behaviour changes
	site       *site              // from the first Up on
	follows    map[string]*follow // by the relay's inbox
	deliveries []Delivery
	forgotten  int           // deliveries before those
	arrived    chan struct{} // closed when a delivery is recorded
	known      map[string]crypto.PublicKey
	answers    sync.WaitGroup // Accepts under way
	turned     bool           // it is what its nature says
}

func newServer(cfg Config, log *slog.Logger, rng *rand.Rand, keys []*rsa.PrivateKey) *Server {
	if cfg.Software == "" {
		cfg.Software = "mastodon"
	}
	if cfg.Nature == "" {
		cfg.Nature = Good
	}
	return &Server{
		cfg:      cfg,
		log:      log,
		keys:     keys,
		client:   &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
		switched: make(chan struct{}),
		arrived:  make(chan struct{}),
		follows:  map[string]*follow{},
		known:    map[string]crypto.PublicKey{},
		rng:      rng,
	}
}

// Up starts to listen: at first on a free port, after Down on the same one again.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	addr := s.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("simulator: listening on %s: %w", addr, err)
	}
	if s.addr == "" {
		s.addr = listener.Addr().String()
		s.site = newSite("http://"+s.addr, softwareOf(s.cfg.Software), s.rng, clock, s.keys)
		s.site.settle(s.cfg.Accounts)
	}
	server := &http.Server{Handler: s.routes(), ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("serving ended", "err", err)
		}
	}()
	s.http, s.stopped = server, stopped
	return nil
}

// Down is a server that died: its port refuses connections, and those that were
// open are cut off.
func (s *Server) Down() {
	s.mu.Lock()
	server, stopped := s.http, s.stopped
	s.http = nil
	s.mu.Unlock()
	if server == nil {
		return
	}
	_ = server.Close()
	<-stopped
}

// Close ends the server and its own connections for good.
func (s *Server) Close() {
	s.Down()
	s.answers.Wait()
	s.client.CloseIdleConnections()
}

// Host is the server's host and port.
func (s *Server) Host() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is the address of a path on the server.
func (s *Server) URL(path string) string { return "http://" + s.Host() + path }

// Inbox is the URI of the inbox that a relay should send to: the shared one, else that of
// the account that stands for the server.
func (s *Server) Inbox() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shared := s.site.software.shared; shared != "" {
		return s.site.base + shared
	}
	return s.site.accounts[Instance].inbox()
}

// wait blocks until done holds, asking anew whenever changed hands out a channel that closes.
func wait(ctx context.Context, state func() (done bool, changed <-chan struct{})) error {
	for {
		done, changed := state()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
