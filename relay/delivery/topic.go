package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// The kinds of topics.
const (
	TopicTag      = "tag"      // posts with a hashtag
	TopicInstance = "instance" // posts of a server
	TopicLanguage = "language" // posts in a language: declared, else what the text looks like
)

// TopicKinds are all kinds.
var TopicKinds = []string{TopicTag, TopicInstance, TopicLanguage}

// Topic is a part of what passes, which an actor of its own brings to those who want no
// more. The zero value is all that passes. Topics are compared by ==.
type Topic struct {
	Kind string // TopicTag …; "" for all that passes
	Name string // in its one form: a folded hashtag, a host, a language
}

// topicNameMax bounds a name before it is looked at, in bytes.
const topicNameMax = 1024

// ErrTopic marks a topic that cannot be.
var ErrTopic = errors.New("not a topic")

// NewTopic brings a name into its one form, or says what is wrong with it.
func NewTopic(kind, name string) (Topic, error) {
	if len(name) > topicNameMax {
		return Topic{}, fmt.Errorf("delivery: %w: a name of more than %d bytes", ErrTopic, topicNameMax)
	}
	t := Topic{Kind: kind}
	what := ""
	switch kind {
	case TopicTag:
		t.Name, what = ap.FoldTag(strings.TrimPrefix(name, "#")), "hashtag"
	case TopicInstance:
		t.Name, _ = tidyDomain(name)
		what = "host"
	case TopicLanguage:
		t.Name, what = ap.LanguageTag(name), "language code such as en or pt-br"
	default:
		return Topic{}, fmt.Errorf("delivery: %w: there is no kind %.20q: it is one of %s", ErrTopic, kind, strings.Join(TopicKinds, ", "))
	}
	if t.Name == "" {
		return Topic{}, fmt.Errorf("delivery: %w: %.100q is no %s", ErrTopic, name, what)
	}
	return t, nil
}

// ParseTopic reads what String writes, and what people write so: "tag/golang".
func ParseTopic(s string) (Topic, error) {
	if s == "" {
		return Topic{}, nil
	}
	kind, name, _ := strings.Cut(s, "/")
	return NewTopic(kind, name)
}

// String is "tag/golang", and "" for all that passes.
func (t Topic) String() string {
	if t.Whole() {
		return ""
	}
	return t.Kind + "/" + t.Name
}

// Whole reports whether it is all that passes.
func (t Topic) Whole() bool { return t == Topic{} }

// takes reports whether a record belongs to the topic. An edit or a deletion of a post
// belongs to the hashtags and languages that the post has or may have had (ingest.Topics);
// those who never had the post ignore it.
func (t *Topic) takes(r *ingest.Record, language func() string) bool {
	switch t.Kind {
	case "":
		return true
	case TopicInstance:
		return r.Domain == t.Name
	case TopicTag:
		return r.Post != nil && slices.Contains(r.Post.Tags, t.Name) || !isPost(r) && r.PrevTopics.MayHaveTag(t.Name)
	}
	return r.Post != nil && speaks(language(), []string{t.Name}) || !isPost(r) && r.PrevTopics.MayHaveLanguage(t.Name)
}

// isPost tells posts from what becomes of them.
func isPost(r *ingest.Record) bool {
	return r.Kind == ingest.KindCreate || r.Kind == ingest.KindUpgrade
}
