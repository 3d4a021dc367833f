package ap

import "errors"

// What a document is refused for. A field of the wrong kind is never such a
// reason: it counts as absent.
var (
	ErrTooLarge  = errors.New("document is larger than 256 KiB")
	ErrTooDeep   = errors.New("document is nested deeper than 32 levels")
	ErrTooMany   = errors.New("document holds too many values")
	ErrNotJSON   = errors.New("document is not JSON")
	ErrNotObject = errors.New("document is not a JSON object")
	ErrNoType    = errors.New("document has no type")
	ErrNoID      = errors.New("document has no id that is an http or https URI")
	ErrNoActor   = errors.New("activity has no actor")
	ErrNotActor  = errors.New("document is not an actor")
	ErrTombstone = errors.New("document is a tombstone")
	ErrURI       = errors.New("not an absolute http or https URI")
)

// reasons gives each error its label; the labels are a closed set.
var reasons = []struct {
	err   error
	label string
}{
	{ErrTooLarge, "too_large"},
	{ErrTooDeep, "too_deep"},
	{ErrTooMany, "too_many"},
	{ErrNotJSON, "not_json"},
	{ErrNotObject, "not_object"},
	{ErrNoType, "no_type"},
	{ErrNoID, "no_id"},
	{ErrNoActor, "no_actor"},
	{ErrNotActor, "not_actor"},
	{ErrTombstone, "tombstone"},
	{ErrURI, "bad_uri"},
}

// Reason names err for a metric label: one of too_large, too_deep, too_many,
// not_json, not_object, no_type, no_id, no_actor, not_actor, tombstone,
// bad_uri, or other; "" for nil.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.label
		}
	}
	return "other"
}
