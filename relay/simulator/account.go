package simulator

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"tributary/ingest/signature"
)

// Instance is the account that stands for the whole server and follows relays.
const Instance = "instance"

// signers bounds the RSA operations that one account does at once.
const signers = 2

// Account is somebody on a server.
type Account struct {
	Name         string // user name; letters and digits
	Type         string // ActivityStreams type; Person when empty
	Bio          string // HTML
	Discoverable bool   // consent flags, written into the document as they are
	Indexable    bool
	Locked       bool // approves followers by hand
}

// account is never changed once it is in Server.accounts: it is read without the lock.
type account struct {
	Account
	uri    string
	key    *rsa.PrivateKey
	signer *signature.Signer
	gone   bool
}

func (a *account) keyID() string { return a.uri + "#main-key" }

// newAccount gives the account its URI and a key of the pool. s.mu is held.
func (s *Server) newAccount(a Account) *account {
	if a.Type == "" {
		a.Type = "Person"
	}
	made := &account{
		Account: a,
		uri:     "http://" + s.addr + "/users/" + a.Name,
		key:     s.keys[len(s.accounts)%len(s.keys)],
	}
	made.signer = signature.NewSigner(made.keyID(), made.key, signers)
	return made
}

// Actor is the URI of the account.
func (s *Server) Actor(name string) string { return s.URL("/users/" + name) }

// Add moves an account in, or changes the one that has its name, which keeps its key.
func (s *Server) Add(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.newAccount(a)
	if old := s.accounts[a.Name]; old != nil {
		made.key, made.signer = old.key, old.signer
	}
	s.accounts[a.Name] = made
}

// Rotate gives an account another key under the same key id.
func (s *Server) Rotate(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(name)
	if err != nil {
		return err
	}
	rotated := *a
	rotated.key = s.keys[(slices.Index(s.keys, a.key)+1)%len(s.keys)]
	rotated.signer = signature.NewSigner(rotated.keyID(), rotated.key, signers)
	s.accounts[name] = &rotated
	return nil
}

// Remove deletes an account: its document is 410 from now on.
func (s *Server) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(name)
	if err != nil {
		return err
	}
	removed := *a
	removed.gone = true
	s.accounts[name] = &removed
	return nil
}

// account finds an account. s.mu is held.
func (s *Server) account(name string) (*account, error) {
	a := s.accounts[name]
	if a == nil {
		return nil, fmt.Errorf("simulator: no account %q on %s", name, s.addr)
	}
	return a, nil
}

// document is the actor as Mastodon writes it.
func (a *account) document(base string, lie Lie) map[string]any {
	key := map[string]any{"id": a.keyID(), "owner": a.uri, "publicKeyPem": signature.MarshalPublic(&a.key.PublicKey)}
	if lie == ForeignKey {
		key["id"], key["owner"] = victim+"/users/"+a.Name+"#main-key", victim+"/users/"+a.Name
	}
	id := a.uri
	if lie == WrongID {
		id = victim + "/users/" + a.Name
	}
	return map[string]any{
		"@context": []any{
			"https://www.w3.org/ns/activitystreams",
			"https://w3id.org/security/v1",
			map[string]any{
				"manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
				"toot":                      "http://joinmastodon.org/ns#",
				"discoverable":              "toot:discoverable",
				"indexable":                 "toot:indexable",
			},
		},
		"id":                        id,
		"type":                      a.Type,
		"preferredUsername":         a.Name,
		"name":                      a.Name,
		"summary":                   a.Bio,
		"url":                       base + "/@" + a.Name,
		"inbox":                     a.uri + "/inbox",
		"outbox":                    a.uri + "/outbox",
		"followers":                 a.uri + "/followers",
		"following":                 a.uri + "/following",
		"endpoints":                 map[string]any{"sharedInbox": base + "/inbox"},
		"published":                 "2024-01-01T00:00:00Z",
		"manuallyApprovesFollowers": a.Locked,
		"discoverable":              a.Discoverable,
		"indexable":                 a.Indexable,
		"publicKey":                 key,
	}
}
