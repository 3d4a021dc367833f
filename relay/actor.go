package relay

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const activityJSON = "application/activity+json"

// actorDocument is the relay actor as other servers read it, always unsigned:
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

func newActor(c Community, cfg Config, pem string) (*document, error) {
	body, err := json.Marshal(actorDocument{
		Context:           []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		ID:                c.Actor(),
		Type:              "Application",
		PreferredUsername: Username,
		Name:              cfg.Name,
		Summary:           cfg.Summary,
		URL:               c.Home(),
		Inbox:             c.Inbox(),
		Outbox:            c.Outbox(),
		Followers:         c.Followers(),
		Following:         c.Following(),
		Endpoints:         map[string]string{"sharedInbox": c.Inbox()},
		PublicKey:         publicKeyDocument{ID: c.KeyID(), Owner: c.Actor(), PEM: pem},
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
