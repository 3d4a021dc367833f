package stream

import "tributary/ingest"

// effect is what a record does to what the streams show.
type effect uint8

// The effects.
const (
	effectNone           effect = iota
	effectCreate                // a post, new to the streams
	effectUpdate                // a post, edited
	effectDelete                // a post is gone
	effectDeleteActor           // an actor is gone, and all its posts
	effectWithdrawActor         // an actor's posts up to here must not be shown any more
	effectWithdrawDomain        // a host's
)

// effectOf says what the streams show of a record. Tail hides what is below live
// or was withdrawn since; what is left to tell apart is how a record is shown.
func effectOf(r *ingest.Record) effect {
	switch {
	case r.Kind == ingest.KindWithdraw:
		return effectOfWithdraw(r)
	case takesAway(r):
		return gone(r)
	case r.Post == nil || r.Tier < ingest.TierLive:
		return effectNone
	case r.Kind == ingest.KindCreate:
		return effectCreate
	case (r.Kind == ingest.KindUpgrade || r.Kind == ingest.KindUpdate) && r.PrevTier < ingest.TierLive:
		return effectCreate // nobody who reads along has it: an unlisted post made public, an author who agrees now
	case r.Kind == ingest.KindUpdate:
		return effectUpdate
	}
	return effectNone
}

// effectOfWithdraw shows the withdrawal of one object as its delete: to who
// reads the streams they are the same.
func effectOfWithdraw(r *ingest.Record) effect {
	if r.Tier >= ingest.TierLive {
		return effectNone
	}
	switch r.Scope {
	case ingest.ScopeObject:
		return gone(r)
	case ingest.ScopeActor:
		return effectWithdrawActor
	case ingest.ScopeDomain:
		return effectWithdrawDomain
	}
	return effectNone
}

func gone(r *ingest.Record) effect {
	if r.Object == r.Actor {
		return effectDeleteActor
	}
	return effectDelete
}

// takesAway reports whether the record ends what the stream showed: a delete,
// or an edit with which the post left tier live (now unlisted, now #nobot).
func takesAway(r *ingest.Record) bool {
	if r.PrevTier < ingest.TierLive {
		return false
	}
	return r.Kind == ingest.KindDelete ||
		r.Kind == ingest.KindUpdate && r.Post != nil && r.Tier < ingest.TierLive
}
