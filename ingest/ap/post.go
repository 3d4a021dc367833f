package ap

import "time"

// Visibility is what the addressing of an object says about who may see it
// (ActivityPub §5.6, and Mastodon's reading of to and cc).
type Visibility uint8

// The visibilities, from the narrowest. Zero means that nobody but the
// addressed actors may see the object.
const (
	Direct    Visibility = iota // addressed actors only
	Followers                   // a followers collection, not Public
	Unlisted                    // Public in cc, not in to
	Public                      // Public in to
)

// Post is the typed form of a public object (Note, Article, Page, Question,
// Video …), parsed once at the edge. All URIs are absolute http(s), all HTML is
// sanitised, all text is valid UTF-8 and bounded by the limits in limits.go.
//
// The cbor keys are the record's wire format: a number is never used again for
// something else (ingest/doc.go, Codec).
type Post struct {
	URI         string     `cbor:"1,keyasint"`            // object id
	Type        string     `cbor:"2,keyasint"`            // ActivityStreams type without prefix, "Note"
	URL         string     `cbor:"3,keyasint,omitempty"`  // page for people; URI when absent
	Visibility  Visibility `cbor:"4,keyasint"`            //
	Published   time.Time  `cbor:"5,keyasint,omitzero"`   // UTC, whole ms, as the author says; zero when absent, unreadable or outside 1900 … 9999
	Updated     time.Time  `cbor:"6,keyasint,omitzero"`   // UTC, whole ms; zero when never edited, or no later than Published
	InReplyTo   string     `cbor:"7,keyasint,omitempty"`  // object URI
	Title       string     `cbor:"8,keyasint,omitempty"`  // plain text, of Page, Article, Video
	Summary     string     `cbor:"9,keyasint,omitempty"`  // content warning, plain text
	Content     string     `cbor:"10,keyasint,omitempty"` // sanitised HTML
	Text        string     `cbor:"11,keyasint,omitempty"` // plain text of Content
	Language    string     `cbor:"12,keyasint,omitempty"` // declared BCP 47, lower-case primary subtag plus rest, "en", "zh-tw"
	Sensitive   bool       `cbor:"13,keyasint,omitempty"`
	Tags        []string   `cbor:"14,keyasint,omitempty"` // hashtags, folded, without '#', no doubles
	Mentions    []Mention  `cbor:"15,keyasint,omitempty"`
	Links       []string   `cbor:"16,keyasint,omitempty"` // hrefs in the content that are neither mention nor hashtag
	Attachments []Media    `cbor:"17,keyasint,omitempty"`
	Emojis      []Emoji    `cbor:"18,keyasint,omitempty"`
	Poll        *Poll      `cbor:"19,keyasint,omitempty"`
	Quote       string     `cbor:"20,keyasint,omitempty"` // object URI (FEP-044f quote, quoteUrl, quoteUri, _misskey_quote, FEP-e232)
	Context     string     `cbor:"21,keyasint,omitempty"` // FEP-7888 context
	OptOut      bool       `cbor:"22,keyasint,omitempty"` // the object itself declines indexing (FEP-268d searchableBy, FEP-5e53)
}

// Mention is a Mention tag.
type Mention struct {
	URI  string `cbor:"1,keyasint"`           // actor URI
	Name string `cbor:"2,keyasint,omitempty"` // "@user@host" as the author's server wrote it
}

// Media is one attachment.
type Media struct {
	URL         string  `cbor:"1,keyasint"`
	MediaType   string  `cbor:"2,keyasint,omitempty"` // MIME type
	Type        string  `cbor:"3,keyasint,omitempty"` // image, video, audio, gifv, unknown
	Description string  `cbor:"4,keyasint,omitempty"` // alt text
	Blurhash    string  `cbor:"5,keyasint,omitempty"`
	Width       int     `cbor:"6,keyasint,omitempty"` // pixels, 0 unknown
	Height      int     `cbor:"7,keyasint,omitempty"`
	FocusX      float64 `cbor:"8,keyasint,omitempty"` // −1 … 1
	FocusY      float64 `cbor:"9,keyasint,omitempty"`
	Preview     string  `cbor:"10,keyasint,omitempty"` // still picture of a video, cover of an audio file
}

// Emoji is a custom emoji.
type Emoji struct {
	Shortcode string `cbor:"1,keyasint"` // without colons
	URL       string `cbor:"2,keyasint"`
}

// Poll is a Question.
type Poll struct {
	Options  []PollOption `cbor:"1,keyasint"`
	Multiple bool         `cbor:"2,keyasint,omitempty"`
	Ends     time.Time    `cbor:"3,keyasint,omitzero"` // zero: open
	Closed   time.Time    `cbor:"4,keyasint,omitzero"` // zero: not closed
	Voters   int          `cbor:"5,keyasint,omitempty"`
}

// PollOption is one answer of a Question.
type PollOption struct {
	Title string `cbor:"1,keyasint"`
	Votes int    `cbor:"2,keyasint,omitempty"`
}
