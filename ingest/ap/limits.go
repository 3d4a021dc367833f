package ap

// What a document may hold at most. Beyond the first three it is refused;
// beyond the others it is cut, the rest of the document still counts.
//
// Together they keep what is parsed out of one document small enough that a
// record (its bytes, the post and the author's snapshot) fits 1 MiB: the text of
// a document is kept once, only content is kept three times (HTML, plain text,
// links), each under its own bound. TestLimitsFitARecord holds the sum.
const (
	MaxDocument = 256 << 10 // bytes of a document
	MaxDepth    = 32        // nested objects and arrays; the deepest real ones (PeerTube) have 7
	maxValues   = 32 << 10  // values and keys in a document; PeerTube's videos have 600

	maxURI      = 2048 // bytes; browsers and CDNs refuse longer ones
	maxType     = 64   // bytes
	maxLabel    = 256  // bytes of a user name, a mention, a MIME type
	maxLine     = 2048 // bytes of a name, a title, a poll option
	maxSummary  = 8 << 10
	maxAlt      = 4 << 10 // bytes of a description of a picture; Mastodon writes 1,500 characters at most
	maxPEM      = 8 << 10 // bytes of a key; RSA-8192 needs 1.5 KiB
	maxTag      = 256     // bytes of a folded hashtag
	maxTagInput = 1024    // bytes of a hashtag that are looked at
	maxBlurhash = 128     // bytes

	maxHTML       = 96 << 10 // bytes of HTML that are read, and of sanitised HTML, and of its text
	maxNote       = 24 << 10 // bytes of a sanitised biography
	maxFieldValue = 2 << 10  // bytes of a sanitised profile field
	maxNesting    = 32       // open elements in sanitised HTML
	maxClasses    = 8        // of one element
	maxAttributes = 32       // of one element that are looked at

	maxAudience    = 256 // to and cc each; Public is found behind them too
	maxTagEntries  = 512 // entries of tag or attachment that are looked at
	maxHashtags    = 64
	maxMentions    = 64
	maxEmojis      = 32
	maxAttachments = 32
	maxLinks       = 32
	maxPollOptions = 64 // CVE-2026-23962: a remote poll without a limit
	maxFields      = 16
	maxKeys        = 8
	maxAliases     = 32 // alsoKnownAs
	maxLanguages   = 64 // entries of contentMap that are looked at
	maxActivities  = 3  // activities in activities: Undo{Announce{Create}}
)
