package simulator

import (
	"crypto/rsa"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	"tributary/ingest/signature"
)

// poolKeys is how many RSA keys a process makes: making one takes as long as
// hundreds of signatures, and nothing needs more than a few different ones.
const poolKeys = 4

var pool = sync.OnceValues(func() ([]*rsa.PrivateKey, error) {
	keys := make([]*rsa.PrivateKey, poolKeys)
	for i := range keys {
		key, err := signature.GenerateKey()
		if err != nil {
			return nil, fmt.Errorf("simulator: making a key: %w", err)
		}
		keys[i] = key
	}
	return keys, nil
})

// World is a set of servers with one seed.
type World struct {
	seed uint64
	log  *slog.Logger
	keys []*rsa.PrivateKey

	mu      sync.Mutex // guards what follows
	servers []*Server
	ran     uint64 // how often Run was called
}

// New makes an empty world.
func New(seed uint64, log *slog.Logger) (*World, error) {
	keys, err := pool()
	if err != nil {
		return nil, err
	}
	return &World{seed: seed, log: log, keys: keys}, nil
}

// Server starts a server.
func (w *World) Server(cfg Config) (*Server, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	index := len(w.servers)
	if cfg.Name == "" {
		cfg.Name = fmt.Sprintf("server%d", index)
	}
	s := newServer(cfg, w.log.With("server", cfg.Name), rand.New(rand.NewPCG(w.seed, uint64(index))), w.keys)
	if err := s.Up(); err != nil {
		return nil, err
	}
	w.servers = append(w.servers, s)
	return s, nil
}

// Close stops all servers and waits for them.
func (w *World) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.servers {
		s.Close()
	}
}
