package relay

import "errors"

// Sentinels. What a sender is told is a Refusal of package ingest instead.
var (
	ErrBaseURL       = errors.New("not the base of a public URL")
	ErrNotSubscribed = errors.New("no such subscriber")
	ErrNotBlocked    = errors.New("no such block")
	ErrBlockKey      = errors.New("neither a host nor an actor URI")
	ErrBlockList     = errors.New("not a block-list")
	ErrListShrank    = errors.New("the list shrank")
	ErrNoList        = errors.New("no subscription to such a list")
	ErrNotAllowed    = errors.New("no such domain in the allow-list")
	ErrLimit         = errors.New("no such limit can be set")
	ErrNotLimited    = errors.New("no such limit")
	ErrRole          = errors.New("no such role")
	ErrKeyKnown      = errors.New("the relay has another key, which its subscribers know")
)
