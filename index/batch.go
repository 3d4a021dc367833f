package index

import (
	"hash/maphash"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// batch is what one pass of the writer stores: the same records always make the
// same rows, however they are cut into batches.
type batch struct {
	posts     postRows
	authors   authorRows
	withdrawn []withdrawal // in order of seq
	hours     map[time.Time]struct{}
	later     []later // versions that may not be a post's only ones
	gaps      []ingest.Event
	position  uint64 // seq to go on behind
	records   int
	oldest    time.Time // arrival of the first record
}

func (b *batch) empty() bool { return b.records == 0 && len(b.gaps) == 0 }

// withdrawal hides what has a lower seq and a higher tier.
type withdrawal struct {
	scope ingest.Scope
	key   string // object: 16 bytes; domain: the host
	actor uint64
	tier  ingest.Tier
	seq   uint64
}

// composer makes batches of records.
type composer struct {
	left   func(*ingest.Record) ingest.Tier // what later withdrawals leave of a record
	recent *lru.Cache[uint64, uint64]       // hash of the newest row of an author
	seed   maphash.Seed
}

// recentAuthors bounds the authors whose unchanged snapshots are not stored again.
const recentAuthors = 50_000

func newComposer(left func(*ingest.Record) ingest.Tier) *composer {
	recent, err := lru.New[uint64, uint64](recentAuthors)
	if err != nil {
		panic(err) // the size is a constant
	}
	return &composer{left: left, recent: recent, seed: maphash.MakeSeed()}
}

// add puts a record into the batch.
func (c *composer) add(b *batch, r *ingest.Record) error {
	if b.records == 0 {
		b.oldest = r.Time
	}
	b.records++
	switch {
	case r.Kind == ingest.KindWithdraw:
		c.withdraw(b, r)
		return nil
	case r.Object == r.Actor && r.Post == nil:
		return c.addActor(b, r)
	case r.Kind == ingest.KindDelete || r.Post == nil:
		b.touch(r.ID)
		b.later = append(b.later, later{r.ID, r.Seq})
		return b.posts.add(r, ingest.TierNone)
	}
	tier := min(r.Tier, c.left(r))
	if r.Kind != ingest.KindCreate {
		b.touch(r.ID)
	}
	// A post that was withdrawn since is stored as hidden: a try before a crash may
	// have stored its record, and not yet the row that the withdrawal finds it by.
	if r.Kind != ingest.KindCreate || r.Tier >= ingest.TierStats {
		b.noteVersion(r, tier)
		if err := b.posts.add(r, tier); err != nil {
			return err
		}
	}
	return c.addAuthor(b, r, r.Tier)
}

// addActor handles an actor's own Update and Delete.
func (c *composer) addActor(b *batch, r *ingest.Record) error {
	if r.Kind == ingest.KindDelete {
		c.recent.Remove(status.AccountID(r.Actor))
		b.withdrawn = append(b.withdrawn, withdrawal{scope: ingest.ScopeActor, actor: status.AccountID(r.Actor), seq: r.Seq})
		return nil
	}
	return c.addAuthor(b, r, ingest.TierSearch)
}

// addAuthor stores the author's snapshot that came with a record. A record that
// stands below what its author agrees to was lowered for another reason (an
// unlisted post, or a snapshot older than the author's withdrawal): it says
// nothing about the author.
func (c *composer) addAuthor(b *batch, r *ingest.Record, tier ingest.Tier) error {
	if r.Author == nil || r.Author.URI != r.Actor {
		return nil
	}
	consent := ingest.Consent(r.Author)
	if consent >= ingest.TierLive && tier < consent {
		return nil
	}
	id, hash := status.AccountID(r.Actor), c.hash(r.Author, r.Domain)
	if known, ok := c.recent.Get(id); ok && known == hash {
		return nil
	}
	blob, err := encodeAuthor(r.Author, r.Domain)
	if err != nil {
		return err
	}
	c.recent.Add(id, hash)
	author := *r
	author.Object, author.Tier = r.Actor, consent // what became of the post does not matter
	b.authors.add(r, c.left(&author), blob)
	return nil
}

// hash is of all that a row of authors says.
func (c *composer) hash(a *ap.Author, domain string) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	text := func(s string) {
		maphash.WriteComparable(&h, len(s))
		_, _ = h.WriteString(s)
	}
	for _, s := range [...]string{domain, a.URI, a.Type, a.Username, a.Name, a.Note, a.URL, a.Avatar, a.Header, a.MovedTo} {
		text(s)
	}
	maphash.WriteComparable(&h, [...]int64{a.Created.Unix(), int64(a.Created.Nanosecond())})
	maphash.WriteComparable(&h, [...]bool{a.Bot, a.Locked, a.Discoverable, a.Indexable, a.Memorial, a.Suspended, a.OptOut})
	maphash.WriteComparable(&h, [...]int{len(a.Fields), len(a.Emojis)})
	for _, f := range a.Fields {
		text(f.Name)
		text(f.Value)
	}
	for _, e := range a.Emojis {
		text(e.Shortcode)
		text(e.URL)
	}
	return h.Sum64()
}

func (c *composer) withdraw(b *batch, r *ingest.Record) {
	w := withdrawal{scope: r.Scope, tier: r.Tier, seq: r.Seq}
	switch r.Scope {
	case ingest.ScopeObject:
		key := ingest.HashOf(r.Object)
		w.key = string(key[:])
	case ingest.ScopeActor:
		w.actor = status.AccountID(r.Object)
		c.recent.Remove(w.actor)
	case ingest.ScopeDomain:
		w.key = strings.ToLower(r.Object)
		c.recent.Purge()
	default:
		return
	}
	b.withdrawn = append(b.withdrawn, w)
}

// noteVersion keeps in mind a version that may not be its post's only one.
func (b *batch) noteVersion(r *ingest.Record, tier ingest.Tier) {
	switch {
	case tier != r.Tier:
		b.later = append(b.later, later{id: r.ID})
	case !only(r):
		b.later = append(b.later, later{r.ID, r.Seq})
	}
}

// touch queues the hour of a post whose earlier version may have been counted.
func (b *batch) touch(id uint64) {
	if b.hours == nil {
		b.hours = map[time.Time]struct{}{}
	}
	b.hours[hourOf(id)] = struct{}{}
}
