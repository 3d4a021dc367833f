package delivery

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tributary/ingest"
	"tributary/ingest/signature"
)

// shape is how a record goes out.
type shape uint8

const (
	shapeNone     shape = iota // not at all
	shapeRaw                   // the bytes as received
	shapeAnnounce              // an Announce of the object by the relay's actor
)

// shapeOf says how a record goes to subscribed servers of a style.
//
// A post goes as its raw bytes if an LD signature is on them, and either that or its
// actor's own HTTP signature proved them; the receiver verifies the former. Anything else that is
// a post, or was fetched, goes as an Announce, which makes the receiver fetch it.
// Update, Delete and Move always go as raw bytes: an Announce cannot say them; a
// server that follows the actor may refuse those (lane.judged). An
// upgrade goes out as the post that it is if what was known before could not.
func shapeOf(r *ingest.Record, style Style) shape {
	switch r.Kind {
	case ingest.KindCreate:
		return shapeOfPost(r, style)
	case ingest.KindUpgrade:
		if r.PrevGrant.Relayable() && r.PrevTier >= ingest.TierRelay {
			return shapeNone
		}
		return shapeOfPost(r, style)
	case ingest.KindUpdate:
		if r.Activity == "" || len(r.Raw) == 0 {
			return announceable(r)
		}
		return shapeRaw
	case ingest.KindDelete:
		// A Delete that nobody sent, of an object found to be gone, is not ours to say.
		if r.Activity == "" || len(r.Raw) == 0 {
			return shapeNone
		}
		return shapeRaw
	}
	return shapeNone
}

// shapeOfPost: an Update may be the first that we hear of a post; it goes by the
// same rule as a Create.
func shapeOfPost(r *ingest.Record, style Style) shape {
	activity := r.Activity == "Create" || r.Activity == "Update"
	proved := r.Verified == ingest.VerifiedHTTP || r.Verified == ingest.VerifiedLD
	if style == StyleForward && activity && r.LDSigned && proved && len(r.Raw) > 0 {
		return shapeRaw
	}
	return announceable(r)
}

func announceable(r *ingest.Record) shape {
	if r.Object == "" {
		return shapeNone
	}
	return shapeAnnounce
}

const publicURI = "https://www.w3.org/ns/activitystreams#Public"

type announce struct {
	Context   string    `json:"@context"`
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Actor     string    `json:"actor"`
	Published time.Time `json:"published"` // pub-relay drops an Announce without it
	To        []string  `json:"to"`        // an array: Misskey and Fedify want one
	Object    string    `json:"object"`
}

// announceOf renders the Announce of a record. It says the same each time, after
// a restart and on another node too: receivers know repeats by its id, which is
// on the actor's host (Misskey asks for that). A later version of an object gets
// its own id.
func announceOf(actor string, r *ingest.Record) []byte {
	id := actor + "/announces/" + strconv.FormatUint(r.ID, 10)
	if r.ID == 0 || r.Kind == ingest.KindUpdate {
		id = actor + "/announces/seq-" + strconv.FormatUint(r.Seq, 10)
	}
	body, err := json.Marshal(announce{
		Context:   "https://www.w3.org/ns/activitystreams",
		ID:        id,
		Type:      "Announce",
		Actor:     actor,
		Published: r.Time.UTC().Truncate(time.Millisecond),
		To:        []string{publicURI},
		Object:    r.Object,
	})
	if err != nil {
		panic("delivery: BUG: an Announce of strings does not encode: " + err.Error())
	}
	return body
}

// digestLen is the length of signature.Digest: "SHA-256=" and 32 bytes in base64.
const digestLen = len("SHA-256=") + 44

// encodeForm makes what all lanes share of an entry: the digest of what goes out,
// then the body, unless that is Raw. The entry keeps it (Style.form), so that it
// is made once.
func encodeForm(actor string, style Style) func(*ingest.Record) []byte {
	return func(r *ingest.Record) []byte {
		if shapeOf(r, style) == shapeAnnounce {
			body := announceOf(actor, r)
			return append([]byte(signature.Digest(body)), body...)
		}
		return []byte(signature.Digest(r.Raw))
	}
}

// encoded is the body of a record as one part of a lane sends it, with its digest. Raw
// bytes are the same for all our actors, and so is what the relay's own actor announces for
// all lanes: the entry keeps both. What actors of topics announce is kept by announces.
func (e *Engine) encoded(entry *ingest.Entry, by *part) (digest string, body []byte) {
	if by.keyID == "" || shapeOf(entry.Record, by.style) != shapeAnnounce {
		return splitForm(entry.Record, entry.Encoded(by.style.form(), e.encode[by.style]))
	}
	return splitForm(entry.Record, e.announces.of(by.actor, entry.Record))
}

// announcesMax is how many Announces of topics' actors are kept, below 1 KiB each as a
// rule. A record that a thousand topics want takes a thousand of them for a moment, instead
// of staying with its entry.
const announcesMax = 4096

// announces are what topics' actors announced last, encoded once for all lanes that are at
// the same records. It may be used by many goroutines.
type announces struct {
	mu   sync.Mutex
	made *simplelru.LRU[announceKey, []byte] // guarded by mu
}

type announceKey struct {
	seq   uint64
	actor string
}

func newAnnounces() *announces {
	made, err := simplelru.NewLRU[announceKey, []byte](announcesMax, nil)
	if err != nil {
		panic("delivery: BUG: " + err.Error()) // only for a size that is not positive
	}
	return &announces{made: made}
}

// of is the Announce of a record by an actor, as encodeForm makes it. Two who ask at once
// may both make it, which says the same.
func (a *announces) of(actor string, r *ingest.Record) []byte {
	key := announceKey{r.Seq, actor}
	a.mu.Lock()
	form, ok := a.made.Get(key)
	a.mu.Unlock()
	if ok {
		return form
	}
	form = encodeForm(actor, StyleAnnounce)(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made.Add(key, form)
	return form
}

// splitForm returns what encodeForm made.
func splitForm(r *ingest.Record, form []byte) (digest string, body []byte) {
	if len(form) > digestLen {
		return string(form[:digestLen]), form[digestLen:]
	}
	return string(form), r.Raw
}
