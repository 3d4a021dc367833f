package simulator

import (
	"crypto/rsa"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// site is a server without a network: who is there, what they wrote, and how its software
// says so. It is not safe for concurrent use.
type site struct {
	base     string // "http://host:port"
	software *software
	rng      *rand.Rand
	now      func() time.Time
	keys     []*rsa.PrivateKey // none: profiles have no key
	keep     int               // newest posts that are remembered; 0: all
	salt     uint64            // its own: of what nobody else writes

	accounts map[string]*account // by name
	paths    map[string]*account // by path
	posts    map[string]*post    // by object URI
	order    []*post             // oldest first
	sequence uint64
}

func newSite(base string, w *software, rng *rand.Rand, now func() time.Time, keys []*rsa.PrivateKey) *site {
	return &site{
		base: base, software: w, rng: rng, now: now, keys: keys, salt: rng.Uint64(),
		accounts: map[string]*account{}, paths: map[string]*account{}, posts: map[string]*post{},
	}
}

// softwareOf is a software by its NodeInfo name; one that is not known writes as Mastodon.
func softwareOf(name string) *software {
	if w := softwares[name]; w != nil {
		return w
	}
	w := *softwares["mastodon"]
	w.name = name
	return &w
}

// settle moves the accounts in, after the one that stands for the server.
func (s *site) settle(accounts []Account) {
	s.move(Account{Name: Instance, Type: "Application"})
	for _, a := range accounts {
		s.move(a)
	}
}

// host is the host and port.
func (s *site) host() string { return strings.TrimPrefix(s.base, "http://") }

// number counts the site's documents.
func (s *site) number() uint64 {
	s.sequence++
	return s.sequence
}

// account finds an account.
func (s *site) account(name string) (*account, error) {
	a := s.accounts[name]
	if a == nil {
		return nil, fmt.Errorf("simulator: no account %q on %s", name, s.base)
	}
	return a, nil
}

// find is the post of a URI.
func (s *site) find(uri string) (*post, error) {
	p := s.posts[uri]
	if p == nil {
		return nil, fmt.Errorf("simulator: no post %s on %s", uri, s.base)
	}
	return p, nil
}

// remember keeps a post, and forgets the oldest when there are too many.
func (s *site) remember(p *post) {
	s.posts[p.uri] = p
	s.order = append(s.order, p)
	if s.keep > 0 && len(s.order) >= 2*s.keep {
		forgotten := len(s.order) - s.keep
		for _, old := range s.order[:forgotten] {
			delete(s.posts, old.uri)
		}
		s.order = append(s.order[:0], s.order[forgotten:]...)
	}
}
