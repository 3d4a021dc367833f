package simulator

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"tributary/ingest/signature"
)

// Delivery is one request to an inbox.
type Delivery struct {
	Time     time.Time
	Path     string
	KeyID    string // key that signed the request
	Activity string // its id
	Type     string
	Actor    string
	Object   string // id of what it is about
	LDSigned bool   // it bears an LD signature
	Verified bool   // digest and signature hold
	Problem  error  // why they do not
	Status   int    // what was answered; 0 when the client left before
	Raw      []byte
}

// Received reports whether the server took it: verified, and answered 2xx.
func (d Delivery) Received() bool { return d.Verified && d.Status >= 200 && d.Status < 300 }

// About reports whether it is about a post, rather than an answer to a Follow.
func (d Delivery) About() bool {
	return slices.Contains([]string{"Create", "Announce", "Update", "Delete"}, d.Type)
}

// errKeyUnknown is a key that could not be had: no verdict about the signature.
var errKeyUnknown = errors.New("simulator: key not to be had")

func (s *Server) inbox(w http.ResponseWriter, r *http.Request) {
	// Read first: net/http notices that a client left only after the body was read.
	body, err := readAll(r.Body, maxInboxBytes)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	d := read(body)
	d.Time, d.Path = clock(), r.URL.Path
	if !s.cfg.DiscardBodies {
		d.Raw = body
	}
	defer func() { s.record(d) }() // a server that hangs up too
	d.Status = s.behave(w, r, func(b Behaviour) Answer { return b.Inbox }, func(w http.ResponseWriter, r *http.Request) {
		d.KeyID, d.Problem = s.verify(r, body)
		d.Verified = d.Problem == nil
		switch {
		case errors.Is(d.Problem, errKeyUnknown):
			http.Error(w, d.Problem.Error(), http.StatusServiceUnavailable)
		case d.Problem != nil:
			http.Error(w, d.Problem.Error(), http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
}

// read takes from an activity what a delivery says of it.
func read(body []byte) Delivery {
	var a struct {
		ID        string          `json:"id"`
		Type      string          `json:"type"`
		Actor     string          `json:"actor"`
		Object    json.RawMessage `json:"object"`
		Signature json.RawMessage `json:"signature"`
	}
	_ = json.Unmarshal(body, &a)
	return Delivery{Activity: a.ID, Type: a.Type, Actor: a.Actor, Object: idOf(a.Object), LDSigned: len(a.Signature) > 0}
}

// idOf is the id of an object that is embedded or only named.
func idOf(raw json.RawMessage) string {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return name
	}
	var object struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &object)
	return object.ID
}

// verify checks date, digest and signature as the server's software does; a key that no
// longer fits is fetched anew once.
func (s *Server) verify(r *http.Request, body []byte) (keyID string, err error) {
	sig, err := parseSignature(r)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	software := s.site.software
	s.mu.Unlock()
	if err := sig.check(software, r, body, clock()); err != nil {
		return sig.keyID, err
	}
	for _, fresh := range []bool{false, true} {
		key, known, keyErr := s.key(r.Context(), sig.keyID, fresh)
		if keyErr != nil {
			return sig.keyID, keyErr
		}
		if err = sig.holds(r, len(body), key); err == nil || !known {
			return sig.keyID, err
		}
	}
	return sig.keyID, err
}

// key is a public key of another server; known says that it was here already.
func (s *Server) key(ctx context.Context, keyID string, fresh bool) (key crypto.PublicKey, known bool, err error) {
	s.mu.Lock()
	key, known = s.known[keyID]
	s.mu.Unlock()
	if known && !fresh {
		return key, true, nil
	}
	if key, err = s.fetchKey(ctx, keyID); err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w", errKeyUnknown, keyID, err)
	}
	s.mu.Lock()
	s.known[keyID] = key
	s.mu.Unlock()
	return key, false, nil
}

func (s *Server) fetchKey(ctx context.Context, keyID string) (crypto.PublicKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, keyID, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", contentType)
	s.mu.Lock()
	instance := s.site.accounts[Instance]
	s.mu.Unlock()
	if err := instance.signer.SignGet(ctx, r); err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := readAll(answer.Body, maxInboxBytes)
	if err != nil {
		return nil, err
	}
	var actor struct {
		PublicKey struct {
			ID  string `json:"id"`
			PEM string `json:"publicKeyPem"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(body, &actor); err != nil {
		return nil, err
	}
	if actor.PublicKey.ID != keyID {
		return nil, fmt.Errorf("the actor's key is %q", actor.PublicKey.ID)
	}
	return signature.ParsePublicKey(actor.PublicKey.PEM)
}

func (s *Server) record(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, d)
	if most := s.cfg.Remember; most > 0 && len(s.deliveries) > 2*most {
		s.forgotten += len(s.deliveries) - most
		s.deliveries = slices.Clone(s.deliveries[len(s.deliveries)-most:])
	}
	if d.Received() {
		s.answered(d)
		s.followed(d)
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// answered notes an Accept or Reject of one of our Follows; the id is what counts,
// as on Mastodon. s.mu is held.
func (s *Server) answered(d Delivery) {
	for _, f := range s.follows {
		if f.id != d.Object {
			continue
		}
		switch d.Type {
		case "Accept":
			f.state = FollowAccepted
		case "Reject":
			f.state = FollowRejected
		}
	}
}

// followed accepts the Follow of somebody who wants to hear from the server, as LitePub's
// relays do of those who follow them. s.mu is held.
func (s *Server) followed(d Delivery) {
	instance := s.site.accounts[Instance]
	if d.Type != "Follow" || d.Object != instance.uri {
		return
	}
	for inbox, f := range s.follows {
		if f.object != d.Actor {
			continue
		}
		answer := s.site.accept(d.Activity, d.Actor)
		s.answers.Go(func() {
			if _, err := s.Send(context.Background(), inbox, answer); err != nil {
				s.log.Debug("Accept not sent", "err", err)
			}
		})
	}
}

// Deliveries are all requests to the inboxes so far, in order.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Received lists the objects of the posts that the server took, in order, repeats
// included.
func (s *Server) Received() []string {
	var objects []string
	for _, d := range s.Deliveries() {
		if d.Received() && d.About() {
			objects = append(objects, d.Object)
		}
	}
	return objects
}

// Await waits until a delivery so far meets the condition, and returns it.
func (s *Server) Await(ctx context.Context, condition func(Delivery) bool) (Delivery, error) {
	var met Delivery
	seen := 0
	err := wait(ctx, func() (bool, <-chan struct{}) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for seen = max(seen, s.forgotten); seen < s.forgotten+len(s.deliveries); seen++ {
			if condition(s.deliveries[seen-s.forgotten]) {
				met = s.deliveries[seen-s.forgotten]
				return true, nil
			}
		}
		return false, s.arrived
	})
	if err != nil {
		return met, fmt.Errorf("simulator: waiting for a delivery: %w", err)
	}
	return met, nil
}

// Following is what became of the Follow of the relay that has the inbox.
func (s *Server) Following(inbox string) FollowState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.follows[inbox]; f != nil {
		return f.state
	}
	return FollowNone
}

// AwaitFollow waits until the relay accepted or rejected the Follow.
func (s *Server) AwaitFollow(ctx context.Context, inbox string) (FollowState, error) {
	var state FollowState
	err := wait(ctx, func() (bool, <-chan struct{}) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if f := s.follows[inbox]; f != nil {
			state = f.state
		}
		return state == FollowAccepted || state == FollowRejected, s.arrived
	})
	if err != nil {
		return state, fmt.Errorf("simulator: waiting for an answer of %s: %w", inbox, err)
	}
	return state, nil
}
