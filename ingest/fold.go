package ingest

// objectState is all that the window and the table objects know of an object.
type objectState struct {
	id        uint64
	seq       uint64 // newest record that changed it
	owner     Hash
	version   int64
	content   uint64
	tier      Tier
	grant     Grant
	topics    Topics
	tombstone bool
}

// verdict is how every reader sees a record once the window was asked.
type verdict struct {
	dropped   bool // a repeat, a stale version, or forged
	kind      Kind
	id        uint64
	tier      Tier
	grant     Grant
	prevTier  Tier
	prevGrant Grant
	topics    Topics // it may have had before
}

// face is the verdict that the record's own bytes suggest. A correction is kept
// only for a record whose verdict differs from it, so that cold readers agree
// with those who read through the window.
func face(r *Record) verdict {
	id := r.ID
	if id == 0 && r.Kind.aboutObject() {
		id = snowflake(r.Time, r.Seq)
	}
	return verdict{
		kind: r.Kind, id: id, tier: r.Tier, grant: r.Grant,
		prevTier: r.PrevTier, prevGrant: r.PrevGrant, topics: r.PrevTopics,
	}
}

func (v verdict) applyTo(r *Record) {
	r.Kind, r.ID, r.Tier, r.Grant, r.PrevTier, r.PrevGrant = v.kind, v.id, v.tier, v.grant, v.prevTier, v.prevGrant
	r.PrevTopics = v.topics
}

// fold says what a record about an object means, given what is known of the
// object (nil: nothing), and what is known afterwards. It is a pure function of
// the log's order: the running window, one rebuilt from the table objects and
// the state cursor come to the same verdicts.
//
// Rules, in this order:
//   - what another owner says is dropped: admission of a Delete may have raced the
//     Create (but see binds);
//   - a tombstone beats everything later;
//   - the first record about an object is its creation, whatever kind it says,
//     unless admission knew the object (ID is set) from beyond the window;
//   - a later version replaces an earlier one, never the reverse;
//   - an upgrade must bring a higher tier or the first relayable grant.
func fold(known *objectState, r *Record) (objectState, verdict) {
	v := face(r)
	if known == nil {
		return foldFirst(r, v)
	}
	foreign := known.owner != r.owner()
	switch {
	case !known.binds(r.owner()) && r.Kind == KindDelete:
		next := *known
		next.seq, next.owner = r.Seq, anybody
		v.id = known.id
		return next, v
	case !known.binds(r.owner()):
		return foldFirst(r, v)
	case known.tombstone || foreign:
		return *known, verdict{dropped: true, kind: r.Kind, id: known.id}
	}
	v.id, v.prevTier, v.prevGrant, v.topics = known.id, known.tier, known.grant, known.topics
	switch r.Kind {
	case KindDelete:
		if r.isActor() {
			v.prevTier = max(v.prevTier, r.PrevTier) // known is the actor's profile, which is never shown; its posts were
		}
		return known.entomb(r), v
	case KindUpgrade:
		return known.upgrade(r, v)
	default:
		return known.edit(r, v)
	}
}

// anybody is the owner of a tombstone that binds everyone: two actors of the
// origin have deleted what was never here, and one of them may be its owner.
var anybody Hash

// binds reports whether the state says anything to the owner of a record. The
// Delete of what was never here, which any actor of its origin may send, binds
// its sender alone: it must keep neither the owner's post out nor the owner's own
// Delete.
func (known *objectState) binds(owner Hash) bool {
	neverSeen := known.tombstone && known.version == 0
	return !neverSeen || known.owner == owner || known.owner == anybody
}

// precede lets a record say what was known of its object before.
func (known *objectState) precede(r *Record) {
	r.ID, r.PrevTier, r.PrevGrant, r.PrevTopics = known.id, known.tier, known.grant, known.topics
}

func foldFirst(r *Record, v verdict) (objectState, verdict) {
	topics := r.PrevTopics.with(topicsOf(r.Post))
	if r.ID == 0 && r.Kind != KindDelete && !r.isActor() {
		v.kind, v.prevTier, v.prevGrant, v.topics = KindCreate, TierNone, GrantNone, 0
		topics = topicsOf(r.Post)
	}
	state := objectState{
		id: v.id, seq: r.Seq, owner: r.owner(), version: r.Version, content: r.Content,
		tier: v.tier, grant: v.grant, topics: topics,
	}
	if r.Kind == KindDelete {
		state.tombstone, state.tier, state.version = true, TierNone, 0
	}
	return state, v
}

func (known *objectState) entomb(r *Record) objectState {
	next := *known
	next.seq, next.tombstone, next.tier, next.topics = r.Seq, true, TierNone, 0
	return next
}

func (known *objectState) upgrade(r *Record, v verdict) (objectState, verdict) {
	firstRelayable := r.Grant.Relayable() && !known.grant.Relayable()
	if r.Tier <= known.tier && !firstRelayable {
		v.dropped = true
		return *known, v
	}
	next := *known
	next.seq, next.tier, next.topics = r.Seq, max(r.Tier, known.tier), known.topics.with(topicsOf(r.Post))
	if firstRelayable {
		next.grant = r.Grant
	}
	v.tier, v.grant = next.tier, next.grant
	return next, v
}

// edit handles Create and Update of a known object. A Create of the same
// version is a repeat even if its content differs (two nodes may have fetched
// two renderings of it); an Update of the same second is a repeat only with the
// same content, as published and updated have the precision of a second.
func (known *objectState) edit(r *Record, v verdict) (objectState, verdict) {
	stale := r.Version < known.version
	if r.isActor() {
		stale = false // an actor's document has no version that every server sends
	}
	repeat := r.Version == known.version && r.Kind == KindCreate || r.Content == known.content
	if stale || repeat {
		v.dropped = true
		return *known, v
	}
	next := *known
	next.seq, next.version, next.content, next.tier = r.Seq, r.Version, r.Content, r.Tier
	next.topics = known.topics.with(topicsOf(r.Post))
	if r.Grant.Relayable() || !known.grant.Relayable() {
		next.grant = r.Grant
	}
	v.kind, v.tier, v.grant = KindUpdate, next.tier, next.grant
	return next, v
}

// isActor reports whether the record is about an actor itself.
func (r *Record) isActor() bool { return r.Object == r.Actor && r.Post == nil }
