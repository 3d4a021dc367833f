// Package ap reads the documents of the fediverse: ActivityStreams 2.0 as its
// servers write it. Every document from the network is parsed here, once, at the
// edge; behind it there are typed values only. The package is pure: it fetches
// nothing, keeps nothing, knows no clock, and imports nothing of ours.
//
//	ParseActivity  what came to an inbox: an activity or a bare object
//	ParseObject    a fetched document of any kind
//	ParseActor     a fetched actor
//	Sanitise       HTML that may be shown; PlainText its text
//	Host           the host of a URI in its one form; SameOrigin
//	FoldTag        the form that hashtags are compared in
//	Post.Hash      tells edits apart
//
// # What it does not do
//
// It decides nothing about trust. That an id belongs to the actor, a key to its
// owner, a signature to a body (FEDERATION.md, What is taken) is the caller's to check on what
// is parsed: every claim of a document is passed on as a claim. LDSigned says
// that a signature is there which may be the actor's, not that it is valid. It is
// no JSON-LD processor: it reads the compact form that servers send, and never
// fetches a context.
//
// # What is tolerated
//
// A document is refused only when it is no JSON object, too large, too deep or too
// full, or lacks the type, id or actor by which it would be known (errors.go;
// Reason names the cause for a metric). All else is read as far as it goes:
//
//   - Every field may be absent, null, one value, an array, {"@list": …} or
//     {"@value": …}. Where a reference is expected an object with an id will do, and
//     the reverse. A value of the wrong kind counts as absent.
//   - Public is PublicURI, "as:Public" or "Public"; parsed, it is PublicURI.
//   - Types may have a prefix or be several; the first known one counts. Members
//     may be "@id", "@type", or carry a prefix of a known vocabulary ("as:to",
//     "toot:indexable"); the plain name wins.
//   - A member that comes twice counts as it stands last, as for the parsers of
//     Ruby, JavaScript, Python and Go. Names are compared exactly.
//   - Text becomes valid UTF-8 (U+FFFD for what is not) without control
//     characters, and is cut at its limit.
//   - Dates have many forms (value.go). Numbers may be strings. Booleans may be 1
//     or "true"; what an author refuses something by counts unless it is clearly
//     false.
//
// # Invariants
//
//   - URIs in parsed values are absolute http or https, without user information,
//     with the host as Host returns it; the rest is unchanged, a fragment is kept.
//     Others ("did:", "at:", "javascript:") are dropped.
//   - Note, Content and Field.Value are what Sanitise returns; all other text is
//     plain and must be escaped where it is shown.
//   - A Post has a URI. What has no id is an Object without a Post.
//   - What is addressed to authenticated agents (FEP-7502) but not to Public is not
//     public. An author who says nothing is neither discoverable nor indexable
//     (FEP-5feb), whatever other software assumes.
//   - Cost and memory are linear in the size of a document, which is at most
//     MaxDocument. Nothing recurses further than MaxDepth. No list that is returned
//     has more entries than limits.go allows. TestWorstCases tries what is dear.
//   - No input panics. Results share no memory with the input or with each other.
//
// # Files
//
//	activity.go author.go post.go   the types; their cbor keys are the record's wire format
//	parse.go                        the entries; activities and objects
//	parsepost.go parsetags.go       posts: words, links, quotes; tags
//	parsemedia.go parsepoll.go      attachments and pictures; polls
//	parseactor.go consent.go        actors; what they agreed to and declined
//	language.go audience.go         declared language; URIs, Public, visibility
//	vocabulary.go                   types that are known
//	json.go value.go                bytes to nodes; nodes to text, numbers, dates
//	uri.go tag.go                   hosts and URIs; hashtags
//	html.go attributes.go href.go   sanitising, first pass
//	policy.go plaintext.go          second pass; text of HTML
//	hash.go errors.go limits.go
//
// The JSON is parsed by json.go and not by encoding/json because a Create is read
// ten times as fast without an allocation per value, fields of unexpected types
// need no types of their own, depth is checked on the way, and order and doubles
// are known. FuzzDocument holds it to what encoding/json reads.
package ap
