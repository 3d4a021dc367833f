package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tributary/ingest/ap"
	"tributary/ingest/crashpoint"
	"tributary/ingest/state"
)

// MaxDocumentBytes bounds a document from the network; larger ones get 413.
const MaxDocumentBytes = 256 << 10

// Arrival is an authenticated activity on its way into the log.
type Arrival struct {
	Raw      []byte       // exactly as received, at most MaxDocumentBytes
	Activity *ap.Activity // parsed from Raw
	Signer   *ap.Actor    // owner of the key that signed the request
	Giver    string       // host that gave it: the signer's
	Grant    Grant        // what the giver may do; GrantNone is refused unless it withdraws something
	Server   bool         // Signer speaks for its server, whatever its type says

	// Prove looks for a signature inside Raw that proves an activity of somebody else
	// than Signer; it returns nil when there is none that holds. It is nil, or called at
	// most once, and only if the origin would be asked otherwise: it may fetch a key
	// and costs milliseconds.
	Prove func(context.Context) *Proof

	verified Verification // of a proved activity
}

// Proof is what a signature inside a document proves.
type Proof struct {
	Author   *ap.Actor    // the activity's actor, owner of the key
	Activity *ap.Activity // as far as it was signed; LDSigned says that receivers can verify it too
	Verified Verification // VerifiedLD or VerifiedProof
}

// Outcome is what became of an arrival. All of them are answered 202.
type Outcome string

// The outcomes.
const (
	OutcomeAccepted Outcome = "accepted" // Kafka acknowledged it
	OutcomeRepeat   Outcome = "repeat"   // already there, or an older version of it
	OutcomeQueued   Outcome = "queued"   // a committed row in fetches
	OutcomeIgnored  Outcome = "ignored"  // nothing for us to do (Like, boost of a known post …)
)

// Refusal is a verdict that the sender is told: a status, a closed-set reason
// for the metric, and a sentence for people.
type Refusal struct {
	Status  int    // HTTP status, 4xx or 503
	Reason  string // "no_grant", "not_public", "forged_actor" …
	Message string
	Err     error // operator's chain, may be nil
}

func (r *Refusal) Error() string {
	if r.Err != nil {
		return fmt.Sprintf("%s: %v", r.Message, r.Err)
	}
	return r.Message
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(status int, reason, message string) error {
	return &Refusal{Status: status, Reason: reason, Message: message}
}

// Admission decides what enters the log. It runs in the
// request, on any node: whatever must be agreed between nodes is decided by the
// order of the log (fold.go), never here.
type Admission struct {
	log     *Log
	db      *state.DB
	logger  *slog.Logger
	metrics *metrics
	queue   *FetchQueue
	now     func() time.Time
}

// NewAdmission returns the admission to l. Fetches that arrivals ask for go to q.
func NewAdmission(l *Log, q *FetchQueue) *Admission {
	a := &Admission{log: l, db: l.db, logger: l.logger, metrics: l.metrics, queue: q, now: time.Now}
	q.admission = a
	return a
}

// Admit brings an arrival into the log. The error is a *Refusal, or a chain
// that the sender is told as 503.
//
// A crash before the append is acknowledged leaves nothing that counts: the
// sender gets no answer and tries again; should the record be in the log all the
// same, Tail drops the repeat. A crash after it leaves the record in the log and
// no answer: the sender's repeat finds the object known.
func (a *Admission) Admit(ctx context.Context, in Arrival) (Outcome, error) {
	outcome, err := a.admit(ctx, in)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		a.metrics.refusal(in.Grant, refusal.Reason)
	case err != nil:
		a.metrics.refusal(in.Grant, "unavailable")
	default:
		a.metrics.outcome(in.Grant, outcome)
	}
	return outcome, err
}

func (a *Admission) admit(ctx context.Context, in Arrival) (Outcome, error) {
	switch in.Activity.Type {
	case "Create", "Update":
		return a.admitCopy(ctx, in)
	case "Delete":
		return a.admitDelete(ctx, in)
	case "Announce":
		return a.admitAnnounce(ctx, in)
	}
	return OutcomeIgnored, nil
}

// admitCopy handles a document that brings an object along.
func (a *Admission) admitCopy(ctx context.Context, in Arrival) (Outcome, error) {
	act := in.Activity
	if in.Grant == GrantNone {
		return "", refuse(403, "no_grant", "this relay takes posts from servers that subscribed to it: follow the relay first")
	}
	if act.ObjectID == "" {
		return "", refuse(422, "no_object", "the activity has no object with an id")
	}
	if act.Actor != in.Signer.URI {
		return a.admitForwarded(ctx, in)
	}
	obj := act.Object
	if obj != nil && obj.Actor != nil && obj.ID == act.Actor {
		return a.admitActor(ctx, in)
	}
	if obj == nil || obj.Post == nil || obj.AttributedTo != act.Actor || !ap.SameOrigin(obj.ID, act.Actor) {
		if obj != nil && obj.Post == nil && obj.Type != "" {
			return OutcomeIgnored, nil // a Vote, a Tombstone, a kind of object we do not carry
		}
		return a.fetchInstead(ctx, in, act.ObjectID)
	}
	r := a.postRecord(obj.Post, &in.Signer.Author, in.Signer.Fetched)
	r.Kind, r.Activity, r.LDSigned, r.Raw = KindCreate, act.Type, act.LDSigned, in.Raw
	if act.Type == "Update" {
		r.Kind = KindUpdate
	}
	r.Grant, r.Giver, r.Verified = in.Grant, in.Giver, in.verification()
	return a.admitPost(ctx, r)
}

// verification says how Signer is known to have made the activity.
func (in *Arrival) verification() Verification {
	if in.verified != VerifiedNone {
		return in.verified
	}
	return VerifiedHTTP
}

// admitForwarded handles what somebody passes on who did not make it: a relay, or
// a server that forwards replies. A signature inside of it may prove it; otherwise
// its origin decides.
func (a *Admission) admitForwarded(ctx context.Context, in Arrival) (Outcome, error) {
	uri := in.Activity.ObjectID
	settled, err := a.needsNoCopy(ctx, in, uri)
	switch {
	case err != nil || settled != "":
		return settled, err
	case in.Prove == nil:
		return a.fetchInstead(ctx, in, uri)
	}
	proof := in.Prove(ctx)
	if proof == nil || proof.Activity.Actor != proof.Author.URI {
		return a.fetchInstead(ctx, in, uri)
	}
	in.Signer, in.Activity, in.verified, in.Prove = proof.Author, proof.Activity, proof.Verified, nil
	return a.admit(ctx, in)
}

// postRecord fills in what the post and its author say.
func (a *Admission) postRecord(p *ap.Post, author *ap.Author, fetched time.Time) *Record {
	now := a.now()
	version := p.Updated
	if version.IsZero() {
		version = p.Published
	}
	if version.IsZero() || version.After(now) {
		version = now // nobody's clock may outlive a Delete
	}
	if fetched.IsZero() {
		fetched = now
	}
	snapshot := *author
	host, _ := ap.Host(p.URI)
	return &Record{
		Object: p.URI, Actor: author.URI, Domain: host, Author: &snapshot,
		Version: max(version.UnixMilli(), 1), Content: p.Hash(), Tier: tierOf(p, author),
		Post: p, AuthorAt: fetched.UnixMilli(),
	}
}

// admitPost compares the record with what is known of its object and appends
// what is new in it.
func (a *Admission) admitPost(ctx context.Context, r *Record) (Outcome, error) {
	known, ok, err := a.known(ctx, HashOf(r.Object))
	if err != nil {
		return "", err
	}
	author, err := a.author(ctx, r.Actor)
	if err != nil {
		return "", err
	}
	if author.gone {
		return OutcomeRepeat, nil // a tombstone beats every later post
	}
	if err := a.lowerConsent(ctx, r, author); err != nil {
		return "", err
	}
	if !ok {
		return a.admitNew(ctx, r)
	}
	return a.admitKnown(ctx, r, known)
}

func (a *Admission) admitNew(ctx context.Context, r *Record) (Outcome, error) {
	if r.Tier == TierNone {
		return "", refuse(403, "not_public", "the post is not public; a relay takes only posts addressed to "+ap.PublicURI)
	}
	return OutcomeAccepted, a.append(ctx, r)
}

func (a *Admission) admitKnown(ctx context.Context, r *Record, known objectState) (Outcome, error) {
	switch {
	case !known.binds(HashOf(r.Actor)):
		return a.admitNew(ctx, r)
	case known.tombstone:
		return OutcomeRepeat, nil
	case known.owner != HashOf(r.Actor):
		return "", refuse(403, "not_owner", "the object belongs to another actor")
	}
	if r.Tier == TierNone {
		return a.madePrivate(ctx, r, known)
	}
	known.precede(r)
	if _, v := fold(&known, r); !v.dropped {
		return OutcomeAccepted, a.append(ctx, r)
	}
	r.Kind = KindUpgrade
	if _, v := fold(&known, r); !v.dropped && r.Version >= known.version {
		return OutcomeAccepted, a.append(ctx, r)
	}
	return OutcomeRepeat, nil
}

// madePrivate withdraws a post that was edited to be no longer public.
func (a *Admission) madePrivate(ctx context.Context, r *Record, known objectState) (Outcome, error) {
	if known.tier == TierNone || r.Version < known.version {
		return OutcomeRepeat, nil
	}
	w := &Record{
		Kind: KindWithdraw, Scope: ScopeObject, Object: r.Object, Actor: r.Actor, Domain: r.Domain, ID: known.id,
		Tier: TierNone, PrevTier: known.tier, Version: r.Version, Reason: "the post was edited and is no longer public",
	}
	return OutcomeAccepted, a.append(ctx, w)
}

// lowerConsent withdraws what an author showed before, when a newer snapshot
// agrees to less.
func (a *Admission) lowerConsent(ctx context.Context, r *Record, author knownAuthor) error {
	now := Consent(r.Author)
	if !author.known || now >= author.tier || r.AuthorAt <= author.asOf {
		return nil
	}
	return a.append(ctx, &Record{
		Kind: KindWithdraw, Scope: ScopeActor, Object: r.Actor, Actor: r.Actor, Domain: r.Domain,
		Tier: now, PrevTier: author.tier, Version: r.AuthorAt, Reason: "the author agrees to less than before",
	})
}

// admitActor handles an actor's Update of itself. It waits for the fold: an author who
// opts out right after a post would otherwise seem to have shown nothing yet.
func (a *Admission) admitActor(ctx context.Context, in Arrival) (Outcome, error) {
	fresh := in.Activity.Object.Actor.Author
	host, _ := ap.Host(fresh.URI)
	if err := a.log.folded(ctx); err != nil {
		return "", err
	}
	author, err := a.author(ctx, fresh.URI)
	if err != nil {
		return "", err
	}
	if author.gone {
		return OutcomeRepeat, nil
	}
	now := a.now().UnixMilli()
	r := &Record{
		Kind: KindUpdate, Object: fresh.URI, Actor: fresh.URI, Domain: host, Author: &fresh, Version: now,
		Content: contentHash(must(encoder.Marshal(&fresh))), Tier: TierRelay, Grant: in.Grant, Giver: in.Giver,
		Verified: VerifiedHTTP, Activity: in.Activity.Type, LDSigned: in.Activity.LDSigned, Raw: in.Raw, AuthorAt: now,
	}
	if err := a.lowerConsent(ctx, r, author); err != nil {
		return "", err
	}
	if known, ok, err := a.known(ctx, HashOf(r.Object)); err != nil || ok && known.content == r.Content {
		return OutcomeRepeat, err
	}
	return OutcomeAccepted, a.append(ctx, r)
}

// admitDelete handles a Delete of an object or of the actor itself. It is
// honoured without a grant when we hold what it deletes.
func (a *Admission) admitDelete(ctx context.Context, in Arrival) (Outcome, error) {
	act := in.Activity
	if act.ObjectID == "" {
		return "", refuse(422, "no_object", "the Delete names no object")
	}
	if act.Actor != in.Signer.URI {
		if in.Grant == GrantNone {
			return "", refuse(403, "forged_actor", "the activity's actor is not the owner of the key that signed the request")
		}
		return a.admitForwarded(ctx, in) // or the origin will say that it is gone
	}
	if act.ObjectID == act.Actor {
		if err := a.log.folded(ctx); err != nil {
			return "", err
		}
	}
	known, ok, err := a.known(ctx, HashOf(act.ObjectID))
	if err != nil {
		return "", err
	}
	if outcome, err := a.mayDelete(ctx, in, known, ok); outcome != "" || err != nil {
		return outcome, err
	}
	host, _ := ap.Host(act.ObjectID)
	r := &Record{
		Kind: KindDelete, Object: act.ObjectID, Actor: act.Actor, Domain: host, Version: a.now().UnixMilli(),
		Tier: TierNone, Grant: in.Grant, Giver: in.Giver, Verified: in.verification(),
		Activity: act.Type, LDSigned: act.LDSigned, Raw: in.Raw,
	}
	if ok {
		known.precede(r)
	}
	return OutcomeAccepted, a.appendDelete(ctx, r)
}

// mayDelete decides who may delete what; an outcome ends it there.
func (a *Admission) mayDelete(ctx context.Context, in Arrival, known objectState, ok bool) (Outcome, error) {
	act := in.Activity
	self := act.ObjectID == act.Actor
	ok = ok && known.binds(HashOf(act.Actor))
	switch {
	case ok && known.tombstone:
		return OutcomeRepeat, nil
	case ok && !self && known.owner != HashOf(act.Actor):
		return "", refuse(403, "not_owner", "the object belongs to another actor")
	case ok:
		return "", nil
	case !ap.SameOrigin(act.ObjectID, act.Actor):
		return "", refuse(403, "not_owner", "the object is not of the actor's origin")
	}
	subject, err := a.author(ctx, act.ObjectID)
	switch {
	case err != nil:
		return "", err
	case !self && subject.known:
		return "", refuse(403, "not_owner", "the object is another actor")
	case in.Grant != GrantNone:
		return "", nil
	case self && subject.known && !subject.gone:
		return "", nil
	}
	return OutcomeIgnored, nil // nothing of it was ever here
}

// appendDelete appends and drops the fetch that the Delete overtook.
func (a *Admission) appendDelete(ctx context.Context, r *Record) error {
	if r.isActor() {
		author, err := a.author(ctx, r.Actor)
		if err != nil {
			return err
		}
		r.PrevTier = max(r.PrevTier, author.tier)
	}
	if err := a.append(ctx, r); err != nil {
		return err
	}
	return a.queue.drop(ctx, r.Object)
}

// admitAnnounce handles a boost or a LitePub relay's Announce: the object is
// what counts, and its origin gives it. Groups of Lemmy and NodeBB announce activities
// (FEP-1b12): then the post inside counts, and votes do not.
func (a *Admission) admitAnnounce(ctx context.Context, in Arrival) (Outcome, error) {
	act := in.Activity
	about := act
	if act.Object != nil && act.Object.Activity != nil {
		about = act.Object.Activity
	}
	switch {
	case act.Actor != in.Signer.URI:
		return "", refuse(403, "forged_actor", "the activity's actor is not the owner of the key that signed the request")
	case act.ObjectID == "":
		return "", refuse(422, "no_object", "the Announce names no object")
	case in.Grant == GrantNone:
		return "", refuse(403, "no_grant", "this relay takes posts from servers that subscribed to it: follow the relay first")
	case in.Signer.Type == "Person" && !in.Server:
		return OutcomeIgnored, nil // a person's boost is not a new post
	case about != act && !tellsOfPost(about):
		return OutcomeIgnored, nil
	}
	in.Activity = about
	return a.fetchInstead(ctx, in, about.ObjectID)
}

// tellsOfPost reports whether an announced activity says that a post is new, other or gone.
func tellsOfPost(a *ap.Activity) bool {
	return a.ObjectID != "" && (a.Type == "Create" || a.Type == "Update" || a.Type == "Delete")
}

// fetchInstead leaves the decision to the object's origin. 202 means that the
// row is committed.
func (a *Admission) fetchInstead(ctx context.Context, in Arrival, uri string) (Outcome, error) {
	if settled, err := a.needsNoCopy(ctx, in, uri); settled != "" || err != nil {
		return settled, err
	}
	if err := a.queue.add(ctx, uri, in.Grant, in.Giver); err != nil {
		return "", err
	}
	crashpoint.Hit(crashpoint.AfterFetchRow)
	return OutcomeQueued, nil
}

// needsNoCopy says what becomes of what somebody passes on if nothing can be new in it;
// "" goes on. Of a limited server only its own posts count.
func (a *Admission) needsNoCopy(ctx context.Context, in Arrival, uri string) (Outcome, error) {
	limited := in.Grant == GrantLimited
	if !in.Grant.Relayable() && !limited {
		return "", refuse(403, "forged_actor", "the activity's actor is not the owner of the key that signed the request")
	}
	if host, err := ap.Host(uri); limited && (err != nil || host != in.Giver) {
		return OutcomeIgnored, nil
	}
	known, ok, err := a.known(ctx, HashOf(uri))
	if err != nil {
		return "", err
	}
	again := in.Activity.Type != "Delete" && in.Activity.Type != "Update"
	if ok && again && (known.tombstone || limited || known.grant.Relayable()) {
		return OutcomeRepeat, nil
	}
	return "", nil
}

// Withdraw appends a withdrawal: of an object, an actor or a domain down to tier.
func (a *Admission) Withdraw(ctx context.Context, scope Scope, key string, tier Tier, reason string) error {
	r := &Record{Kind: KindWithdraw, Scope: scope, Object: key, Tier: tier, PrevTier: TierSearch, Version: a.now().UnixMilli(), Reason: reason}
	switch scope {
	case ScopeObject:
		known, _, err := a.known(ctx, HashOf(key))
		if err != nil {
			return err
		}
		r.ID, r.PrevTier = known.id, known.tier
	case ScopeActor:
		author, err := a.author(ctx, key)
		if err != nil {
			return err
		}
		r.Actor, r.PrevTier = key, author.tier
		r.Domain, _ = ap.Host(key)
	case ScopeDomain:
		r.Domain = key
	}
	return a.append(ctx, r)
}

// KnowsActor reports whether anything of the actor was ever admitted and the
// actor was not deleted since: the question before an unverifiable Delete of a
// gone actor is looked into.
func (a *Admission) KnowsActor(ctx context.Context, uri string) (bool, error) {
	author, err := a.author(ctx, uri)
	return author.known && !author.gone, err
}

// ObjectID is the id of an object that was ever admitted; false for others.
func (a *Admission) ObjectID(ctx context.Context, uri string) (uint64, bool, error) {
	known, ok, err := a.known(ctx, HashOf(uri))
	return known.id, ok, err
}

// ActorGone appends the Delete of an actor whose origin says that it is gone
// (410, Tombstone): it counts as the actor's own.
func (a *Admission) ActorGone(ctx context.Context, uri string) error {
	host, err := ap.Host(uri)
	if err != nil {
		return fmt.Errorf("ingest: gone actor: %w", err)
	}
	if err := a.log.folded(ctx); err != nil {
		return err
	}
	return a.appendDelete(ctx, &Record{
		Kind: KindDelete, Object: uri, Actor: uri, Domain: host, Version: a.now().UnixMilli(), Verified: VerifiedFetch,
	})
}

func (a *Admission) append(ctx context.Context, r *Record) error {
	if err := a.log.Append(ctx, r); err != nil {
		if errors.Is(err, ErrRecordTooLarge) {
			return &Refusal{Status: 413, Reason: "too_large", Message: "the post does not fit a record", Err: err}
		}
		return err
	}
	crashpoint.Hit(crashpoint.AfterAppend)
	return nil
}

// known asks the window, then the table objects for what is older.
func (a *Admission) known(ctx context.Context, key Hash) (objectState, bool, error) {
	if s, ok := a.log.tail.known(key); ok {
		return s, true, nil
	}
	row := a.db.Row(ctx, `SELECT `+objectColumns+`
		FROM objects WHERE hash = $1`, key[:])
	_, s, err := scanObject(row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return objectState{}, false, nil
	case err != nil:
		return objectState{}, false, fmt.Errorf("ingest: look up object: %w", err)
	}
	return s, true, nil
}

// knownAuthor is what the table authors and the withdrawals say of an actor.
type knownAuthor struct {
	known bool
	gone  bool
	tier  Tier
	asOf  int64 // of the newest withdrawal, ms
}

func (a *Admission) author(ctx context.Context, uri string) (knownAuthor, error) {
	key := HashOf(uri)
	k := knownAuthor{known: true}
	err := a.db.Row(ctx, `SELECT tier, gone FROM authors WHERE hash = $1`, key[:]).Scan(&k.tier, &k.gone)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		k.known = false
	case err != nil:
		return k, fmt.Errorf("ingest: look up author: %w", err)
	}
	if w, ok := a.log.tail.withdrawn.get(withdrawalKey{ScopeActor, key}); ok {
		k.asOf, k.gone = w.version, k.gone || w.tier == TierNone
	}
	return k, nil
}

// appendGone appends the Delete of an object that its origin says is gone. The
// owner is known by hash alone, and there are no bytes to pass on.
func (a *Admission) appendGone(ctx context.Context, row fetchRow, known objectState) error {
	r := &Record{
		Kind: KindDelete, Object: row.uri, Owner: known.owner[:], Domain: row.host, Version: a.now().UnixMilli(),
		Grant: row.grant, Giver: row.giver, Verified: VerifiedFetch,
	}
	known.precede(r)
	return a.append(ctx, r)
}
