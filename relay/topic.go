package relay

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"tributary/relay/delivery"
)

// identity is one of a community's actors: the relay's own, or that of a topic. Nothing
// is kept of a topic's actor until somebody follows it: its documents are made of its name.
type identity struct {
	topic    delivery.Topic
	uri      string
	inbox    string
	username string
	host     string
}

// identity is the actor that brings a topic.
func (c Community) identity(t delivery.Topic) identity {
	if t.Whole() {
		return identity{uri: c.Actor(), inbox: c.Inbox(), username: Username, host: c.host}
	}
	uri := c.base + "/" + t.Kind + "/" + url.PathEscape(t.Name)
	return identity{topic: t, uri: uri, inbox: uri + "/inbox", username: usernameOf(t), host: c.host}
}

func (i identity) keyID() string             { return i.uri + "#main-key" }
func (i identity) outbox() string            { return i.uri + "/outbox" }
func (i identity) followers() string         { return i.uri + "/followers" }
func (i identity) following() string         { return i.uri + "/following" }
func (i identity) activity(id string) string { return i.uri + "/activities/" + id }
func (i identity) handle() string            { return i.username + "@" + i.host }

// TopicActor is the id of the actor that brings a topic; that of the zero topic is the
// relay's own. So it is with TopicInbox and TopicHandle.
func (c Community) TopicActor(t delivery.Topic) string { return c.identity(t).uri }

// TopicInbox is what an admin pastes to get a topic.
func (c Community) TopicInbox(t delivery.Topic) string { return c.identity(t).inbox }

// TopicHandle is the WebFinger subject of the actor that brings a topic, without its scheme.
func (c Community) TopicHandle(t delivery.Topic) string { return c.identity(t).handle() }

// KeyOf is the id of the key of one of the community's actors, and whether it is one.
func (c Community) KeyOf(actor string) (keyID string, ours bool) {
	t, ok := c.topicOf(actor)
	if !ok {
		return "", false
	}
	return c.identity(t).keyID(), true
}

// topicOf is what the actor with this id brings, and whether there is such an actor.
func (c Community) topicOf(uri string) (delivery.Topic, bool) {
	if uri == c.Actor() {
		return delivery.Topic{}, true
	}
	path, ok := strings.CutPrefix(uri, c.base+"/")
	if !ok || strings.ContainsAny(path, "?#") {
		return delivery.Topic{}, false
	}
	kind, escaped, _ := strings.Cut(path, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil || strings.Contains(escaped, "/") {
		return delivery.Topic{}, false
	}
	t, err := c.topicAt(kind, name)
	return t, err == nil
}

// topicAt is the topic of a path, whose name must be in its one form: otherwise one topic
// had several actors, and servers compare an actor's inbox with what their admin has pasted.
func (c Community) topicAt(kind, name string) (delivery.Topic, error) {
	t, err := delivery.NewTopic(kind, name)
	switch {
	case err != nil:
		return delivery.Topic{}, noTopic("there is no topic %.100q here", kind+"/"+name)
	case kind == delivery.TopicInstance && strings.Contains(t.Name, ":") && strings.HasPrefix(c.base, "https:"):
		return delivery.Topic{}, noTopic("there is no topic here: write a server without its port")
	case t.Name != name:
		return delivery.Topic{}, noTopic("there is no topic here; this one is %s", c.TopicActor(t))
	}
	return t, nil
}

func noTopic(format string, args ...any) error {
	return refuse(http.StatusNotFound, reasonTopic, format, args...)
}

// usernameOf is tag-golang, instance-social.example, language-de. A hashtag that is not
// ASCII is in punycode, tag-xn--…, since Mastodon takes no other letters in the name of an
// actor; no folded hashtag looks like that.
func usernameOf(t delivery.Topic) string {
	name := t.Name
	if t.Kind == delivery.TopicTag {
		if ascii, err := idna.Punycode.ToASCII(name); err == nil {
			name = ascii
		}
	}
	return t.Kind + "-" + name
}

// topicNamed is the topic of an actor's name, however it is written.
func (c Community) topicNamed(username string) (delivery.Topic, error) {
	if len(username) > usernameMax {
		return delivery.Topic{}, noTopic("there is no actor of such a long name")
	}
	kind, name, _ := strings.Cut(username, "-")
	kind = strings.ToLower(kind)
	if kind == delivery.TopicTag && len(name) > 4 && strings.EqualFold(name[:4], "xn--") {
		unicode, err := idna.Punycode.ToUnicode(strings.ToLower(name))
		if err != nil {
			return delivery.Topic{}, noTopic("there is no actor %.100q", username)
		}
		name = unicode
	}
	t, err := delivery.NewTopic(kind, name)
	if err != nil || kind == delivery.TopicTag && strings.ContainsFunc(name, dropped) {
		return delivery.Topic{}, noTopic("there is no actor %.100q", username)
	}
	return c.topicAt(kind, t.Name)
}

// dropped are the letters that no hashtag has in any form: another name is not meant.
func dropped(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && r != '_' && r != '\u00b7' && r != '\u200c'
}

// usernameMax bounds a name before it is looked at: reading punycode takes time with the
// square of the length.
const usernameMax = 1024

// topicsAt serves a document of each topic of a kind, by the path's {name}.
func (c Community) topicsAt(kind string, document func(identity) (http.Handler, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := c.topicAt(kind, r.PathValue("name"))
		if err != nil {
			refusal := asRefusal(err)
			writeError(w, refusal.Status, refusal.Message)
			return
		}
		handler, err := document(c.identity(t))
		if err != nil {
			writeError(w, http.StatusInternalServerError, "internal error")
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// says is what a topic's actor brings, for people.
func (i identity) says() string {
	switch i.topic.Kind {
	case delivery.TopicTag:
		return fmt.Sprintf("Posts with the hashtag #%s.", i.topic.Name)
	case delivery.TopicInstance:
		return fmt.Sprintf("Posts of %s.", i.topic.Name)
	case delivery.TopicLanguage:
		return fmt.Sprintf("Posts in the language %s.", i.topic.Name)
	}
	return ""
}
