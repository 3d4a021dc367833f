package relay

import (
	"crypto/rand"
	"encoding/json"
)

// followAnswer is an Accept or a Reject. It embeds the Follow: Mastodon matches
// its id, Misskey reads the id of the embedded object, Fedify compares actor
// and object, which therefore stands there as it was written.
type followAnswer struct {
	Context string         `json:"@context"`
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Actor   string         `json:"actor"`
	To      []string       `json:"to"`
	Object  followDocument `json:"object"`
}

type followDocument struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Actor  string `json:"actor"`
	Object string `json:"object"`
}

// answer renders the answer to a subscriber's Follow, by the actor that it follows.
func (c Community) answer(kind string, sub Subscriber) []byte {
	followed := c.identity(sub.Topic)
	body, err := json.Marshal(followAnswer{
		Context: "https://www.w3.org/ns/activitystreams",
		ID:      followed.activity(rand.Text()),
		Type:    kind,
		Actor:   followed.uri,
		To:      []string{sub.Actor},
		Object:  followDocument{ID: sub.Follow, Type: "Follow", Actor: sub.Actor, Object: sub.Object},
	})
	if err != nil {
		panic("relay: BUG: an answer of strings does not encode: " + err.Error())
	}
	return body
}
