package relay

import (
	"context"
	"encoding/json"
	"net/http"

	"tributary/ingest/ap"
)

// In LitePub's style two relays follow each other's actors: a Pleroma sends its
// posts to those that follow its relay actor, so a server that follows one of ours is
// followed back by that one.

const activityStreams = "https://www.w3.org/ns/activitystreams"

type ownFollow struct {
	Context string   `json:"@context,omitempty"`
	ID      string   `json:"id"`
	Type    string   `json:"type"`
	Actor   string   `json:"actor"`
	To      []string `json:"to"`
	Object  string   `json:"object"`
}

func (c Community) ownFollow(sub Subscriber) ownFollow {
	return ownFollow{Context: activityStreams, ID: sub.Back, Type: "Follow", Actor: c.TopicActor(sub.Topic), To: []string{sub.Actor}, Object: sub.Actor}
}

// followBack is our Follow of a member.
func (c Community) followBack(sub Subscriber) []byte { return encoded(c.ownFollow(sub)) }

// undoBack takes it back. The Follow is embedded: Pleroma reads no other form.
func (c Community) undoBack(sub Subscriber) []byte {
	follow := c.ownFollow(sub)
	follow.Context = ""
	return encoded(struct {
		Context string    `json:"@context"`
		ID      string    `json:"id"`
		Type    string    `json:"type"`
		Actor   string    `json:"actor"`
		To      []string  `json:"to"`
		Object  ownFollow `json:"object"`
	}{activityStreams, sub.Back + "/undo", "Undo", follow.Actor, []string{sub.Actor}, follow})
}

func encoded(document any) []byte {
	body, err := json.Marshal(document)
	if err != nil {
		panic("relay: BUG: a document of strings does not encode: " + err.Error())
	}
	return body
}

// answer takes the Accept or the Reject of our own Follow, which is named by its
// id or embedded. What answers no Follow of ours is nothing to do: a server that
// was removed may answer late.
func (in *inbox) answer(ctx context.Context, req *request) (string, error) {
	a := req.activity
	state := BackAccepted
	if a.Type == "Reject" {
		state = BackRejected
	}
	matched, err := in.subs.answered(ctx, req.signer.URI, a.ObjectID, state, in.once(ctx, req))
	switch {
	case err != nil:
		return "", err
	case !matched:
		return verdictNothing, nil
	}
	in.log.InfoContext(ctx, "our Follow was answered", "actor", req.signer.URI, "answer", state)
	return verdictAnswered, nil
}

// followsAsServer reports whether an actor may subscribe by following ours: those
// of servers, and Pleroma's relay of before 2.0, which says that it is a Person.
func followsAsServer(a *ap.Actor) bool {
	switch a.Type {
	case "Application", "Service", "Group", "Organization":
		return true
	}
	return len(a.URI) > len(relayPath) && a.URI[len(a.URI)-len(relayPath):] == relayPath
}

const relayPath = "/relay"

func followOfPerson(actor string) error {
	return refuse(http.StatusForbidden, reasonFollowActor,
		"this relay serves servers, and %s is an account of a person; its server's admin can subscribe", actor)
}
