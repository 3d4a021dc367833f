package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tributary/ingest/signature"
)

// A post goes to all subscribers in the same bytes, and most of them have the same
// inbox path. Of those that take a signature which does not name their host
// (signature.Shared), all get the same one: the 0.8 ms that it costs are spent once a
// post, not once a delivery.

// Signing is what is known of the signatures that a server takes.
type Signing struct {
	Shared bool // it takes one that is not for it alone
	// Anywhere says that it takes one that does not name the path either, which is for
	// servers whose inboxes have paths of their own.
	Anywhere bool
	Why      string // for people: what says so
}

// Why a lane that could share does not.
const (
	whyOff   = "delivery.shared_signatures is off"
	whyAlone = "no other subscriber has its inbox path"
	whyKnown = "it refused another form"
)

// settleSigning says which lanes share signatures: those of which somebody else has the
// path too, and those that need none if there are several. Others would give up being named for nothing.
func (e *Engine) settleSigning(wanted map[string]target) {
	having := make(map[string]int)
	for _, t := range wanted {
		if t.signing.Shared {
			having[signature.Target(t.url)]++
		}
	}
	alone := func(t target) bool { return having[signature.Target(t.url)] < 2 }
	pathless := 0
	for _, t := range wanted {
		if t.signing.Shared && t.signing.Anywhere && alone(t) {
			pathless++
		}
	}
	for inbox, t := range wanted {
		switch {
		case !t.signing.Shared:
			continue
		case e.cfg.FullSignatures:
			t.signing = Signing{Why: whyOff}
		case !alone(t):
			t.signing.Anywhere = false
		case !t.signing.Anywhere || pathless < 2:
			t.signing = Signing{Why: whyAlone}
		}
		wanted[inbox] = t
	}
}

// signs is the form in which the next delivery of a lane goes out first, and why.
func (l *lane) signs() (signature.Form, string) {
	now := l.signing.Load()
	if known, ok := l.e.sender.forms.Known(l.url.Host); ok && (known != signature.FormShared || now.Shared) {
		return known, whyKnown
	}
	if now.Shared {
		return signature.FormShared, now.Why
	}
	return signature.FormCavage, now.Why
}

// formName names a form: a label, and a word for people.
func formName(f signature.Form) string {
	switch f {
	case signature.FormShared:
		return "shared"
	case signature.FormMessage:
		return "rfc9421"
	}
	return "full"
}

// Bounds of the signatures that are kept.
const (
	// sharedFor is the age from which one is made anew. Servers take dates that are
	// hours old; a signature that anybody may send on should not last so long.
	sharedFor = 15 * time.Second
	// sharedMax is how many are kept, 1 KiB each: the lanes that are live are at the same few
	// records, those that catch up at different ones.
	sharedMax = 4096
)

// shares are the signatures in use. Each is made once, by whoever needs it first; the
// others wait for it. It may be used by many goroutines.
type shares struct {
	mu   sync.Mutex
	made *simplelru.LRU[shareKey, *sharedOne] // guarded by mu
}

// over is what shared signatures for the lane name: a path, or "" for any.
func (l *lane) over() string {
	if l.signing.Load().Anywhere {
		return ""
	}
	return l.target
}

// shareKey is what a shared signature is over, but for the date.
type shareKey struct{ digest, target string }

type sharedOne struct {
	begun time.Time
	done  chan struct{} // closed when the rest is written
	value signature.Shared
	err   error
}

func newShares() *shares {
	made, err := simplelru.NewLRU[shareKey, *sharedOne](sharedMax, nil)
	if err != nil {
		panic("delivery: BUG: " + err.Error()) // only for a size that is not positive
	}
	return &shares{made: made}
}

var errNotSigned = errors.New("delivery: a shared signature was not made")

// get returns the signature over key, calling sign if there is none that is fresh. The
// error is that of sign, or ctx's.
func (s *shares) get(ctx context.Context, key shareKey, sign func(context.Context) (signature.Shared, error)) (signature.Shared, error) {
	for {
		it, mine := s.take(key, time.Now())
		if mine {
			s.sign(ctx, key, it, sign)
			return it.value, it.err
		}
		select {
		case <-it.done:
		case <-ctx.Done():
			return signature.Shared{}, ctx.Err()
		}
		if it.err == nil {
			return it.value, nil
		}
		// Whoever was to make it has ended, or could not: for ourselves we try.
	}
}

func (s *shares) take(key shareKey, now time.Time) (it *sharedOne, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it, ok := s.made.Get(key); ok && now.Sub(it.begun) < sharedFor {
		return it, false
	}
	it = &sharedOne{begun: now, done: make(chan struct{}), err: errNotSigned}
	s.made.Add(key, it)
	return it, true
}

func (s *shares) sign(ctx context.Context, key shareKey, it *sharedOne, sign func(context.Context) (signature.Shared, error)) {
	defer func() {
		if it.err != nil {
			s.drop(key, it)
		}
		close(it.done)
	}()
	it.value, it.err = sign(ctx)
}

func (s *shares) drop(key shareKey, it *sharedOne) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.made.Peek(key); ok && now == it {
		s.made.Remove(key)
	}
}
