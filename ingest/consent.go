package ingest

import "tributary/ingest/ap"

// Consent is the highest tier that an author agrees to for public posts
// (FEDERATION.md, Consent): counted unless the author opted out of being indexed at all,
// shown live with discoverable, searched with indexable as well. A locked or
// memorial account is not shown: its owner did not ask for strangers.
func Consent(a *ap.Author) Tier {
	switch {
	case a == nil:
		return TierRelay
	case a.Suspended, a.OptOut:
		return TierRelay
	case a.Locked, a.Memorial, !a.Discoverable:
		return TierStats
	case !a.Indexable:
		return TierLive
	}
	return TierSearch
}

// tierOf is the tier of a post: no higher than its addressing, its author and
// the post itself allow.
func tierOf(p *ap.Post, a *ap.Author) Tier {
	switch {
	case p.Visibility == ap.Unlisted:
		return TierRelay
	case p.Visibility != ap.Public:
		return TierNone
	case p.OptOut:
		return TierRelay
	}
	return Consent(a)
}
