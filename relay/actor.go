package relay

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const activityJSON = "application/activity+json"

// actorDocument is one of our actors as other servers read it, always unsigned:
// they need it to verify what we sign, and both sides would loop otherwise.
// The type is Application: Friendica's relay discovery refuses Service.
type actorDocument struct {
	Context           []string          `json:"@context"`
	ID                string            `json:"id"`
	Type              string            `json:"type"`
	PreferredUsername string            `json:"preferredUsername"`
	Name              string            `json:"name"`
	Summary           string            `json:"summary"`
	URL               string            `json:"url"`
	Inbox             string            `json:"inbox"`
	Outbox            string            `json:"outbox"`
	Followers         string            `json:"followers"`
	Following         string            `json:"following"`
	Endpoints         map[string]string `json:"endpoints"`
	ManuallyApproves  bool              `json:"manuallyApprovesFollowers"`
	PublicKey         publicKeyDocument `json:"publicKey"`
}

type publicKeyDocument struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
	PEM   string `json:"publicKeyPem"` // SPKI: some servers do not read PKCS#1
}

// newActor describes one of our actors. All of them have one key, each under an id of its
// own, and one shared inbox, at which anything for any of them may arrive.
func newActor(i identity, c Community, cfg Config, pem string) (*document, error) {
	name, summary := cfg.Name, cfg.Summary
	if !i.topic.Whole() {
		name, summary = name+": "+i.topic.String(), i.says()+" "+summary
	}
	body, err := json.Marshal(actorDocument{
		Context:           []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		ID:                i.uri,
		Type:              "Application",
		PreferredUsername: i.username,
		Name:              name,
		Summary:           summary,
		URL:               c.Home(),
		Inbox:             i.inbox,
		Outbox:            i.outbox(),
		Followers:         i.followers(),
		Following:         i.following(),
		Endpoints:         map[string]string{"sharedInbox": c.Inbox()},
		PublicKey:         publicKeyDocument{ID: i.keyID(), Owner: i.uri, PEM: pem},
	})
	if err != nil {
		return nil, fmt.Errorf("relay: encoding the actor: %w", err)
	}
	return newDocument(activityJSON, body), nil
}

// collection serves one of the actor's collections: its size, never its
// members. Who subscribes is told to people on the public page, where a server
// can ask to be left out.
func collection(id string, size func() int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := json.Marshal(map[string]any{
			"@context":     "https://www.w3.org/ns/activitystreams",
			"id":           id,
			"type":         "OrderedCollection",
			"totalItems":   size(),
			"orderedItems": []string{},
		})
		if err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		newDocument(activityJSON, body).ServeHTTP(w, r)
	})
}
