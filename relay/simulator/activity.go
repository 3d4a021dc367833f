package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Activity is a signed-by-nobody-yet activity of an account: the same body can be
// sent again, to any inbox, and is signed anew each time.
type Activity struct {
	ID     string
	Type   string
	Actor  string // account name
	Object string // URI of what it is about
	Body   []byte
}

// Create writes a post and returns the activity that tells of it.
func (s *Server) Create(p Post) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written, err := s.write(p)
	if err != nil {
		return Activity{}, err
	}
	return s.tell("Create", written.uri+"/activity", written, written.document())
}

// Edit changes the content of a post and returns its Update.
func (s *Server) Edit(object, content string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(object)
	if err != nil {
		return Activity{}, err
	}
	p.Content, p.updated = content, s.now()
	return s.tell("Update", fmt.Sprintf("%s#updates/%d", p.uri, s.number()), p, p.document())
}

// Erase deletes a post and returns its Delete.
func (s *Server) Erase(object string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(object)
	if err != nil {
		return Activity{}, err
	}
	p.deleted = true
	return s.tell("Delete", p.uri+"#delete", p, p.tombstone())
}

// Announce is an account's boost of a post, of any server.
func (s *Server) Announce(name, object string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	booster, err := s.account(name)
	if err != nil {
		return Activity{}, err
	}
	id := fmt.Sprintf("%s/statuses/%d/activity", booster.uri, s.number())
	body, err := encode(map[string]any{
		"@context":  "https://www.w3.org/ns/activitystreams",
		"id":        id,
		"type":      "Announce",
		"actor":     booster.uri,
		"published": s.now().Format(time.RFC3339),
		"to":        []string{public},
		"cc":        []string{booster.uri + "/followers"},
		"object":    object,
	})
	if err != nil {
		return Activity{}, fmt.Errorf("simulator: writing %s: %w", id, err)
	}
	return Activity{ID: id, Type: "Announce", Actor: name, Object: object, Body: body}, nil
}

// tell wraps a post's document in an activity of its author.
func (s *Server) tell(kind, id string, p *post, object map[string]any) (Activity, error) {
	to, cc := p.audience()
	document := map[string]any{
		"@context": postContext(),
		"id":       id,
		"type":     kind,
		"actor":    p.author.uri,
		"to":       to,
		"cc":       cc,
		"object":   object,
	}
	if kind != "Delete" {
		document["published"] = p.published.Format(time.RFC3339)
	}
	if !p.Unsigned {
		document["signature"] = ldSignature(p.author, s.now())
	}
	body, err := encode(document)
	if err != nil {
		return Activity{}, fmt.Errorf("simulator: writing %s: %w", id, err)
	}
	return Activity{ID: id, Type: kind, Actor: p.author.Name, Object: p.uri, Body: body}, nil
}

// ldSignature has the shape of RsaSignature2017 and signs nothing (see doc.go).
func ldSignature(a *account, now time.Time) map[string]any {
	return map[string]any{
		"type":           "RsaSignature2017",
		"creator":        a.keyID(),
		"created":        now.Format(time.RFC3339),
		"signatureValue": base64.StdEncoding.EncodeToString(make([]byte, a.key.Size())),
	}
}

// FollowState is what became of a Follow.
type FollowState string

// The states of a Follow.
const (
	FollowNone     FollowState = ""
	FollowPending  FollowState = "pending"
	FollowAccepted FollowState = "accepted"
	FollowRejected FollowState = "rejected"
)

// follow is a subscription to the relay with that inbox.
type follow struct {
	id    string
	state FollowState
}

// subscribe is the Follow by which Mastodon subscribes to a relay: of the public
// collection, without an audience, by the instance actor.
func (s *Server) subscribe(inbox string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("http://%s/follows/%d", s.addr, s.number())
	s.follows[inbox] = &follow{id: id, state: FollowPending}
	return s.instanceSays("Follow", id, public, public)
}

// unsubscribe takes the Follow back.
func (s *Server) unsubscribe(inbox string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.follows[inbox]
	if f == nil {
		return Activity{}, fmt.Errorf("simulator: %s does not follow %s", s.addr, inbox)
	}
	delete(s.follows, inbox)
	return s.instanceSays("Undo", f.id+"/undo", f.id, map[string]any{
		"id": f.id, "type": "Follow", "actor": s.accounts[Instance].uri, "object": public,
	})
}

// instanceSays makes an activity of the instance actor. s.mu is held.
func (s *Server) instanceSays(kind, id, about string, object any) (Activity, error) {
	body, err := encode(map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams",
		"id":       id,
		"type":     kind,
		"actor":    s.accounts[Instance].uri,
		"object":   object,
	})
	if err != nil {
		return Activity{}, fmt.Errorf("simulator: writing %s: %w", id, err)
	}
	return Activity{ID: id, Type: kind, Actor: Instance, Object: about, Body: body}, nil
}

// encode writes JSON as servers in other languages do, without HTML escapes.
func encode(document any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
