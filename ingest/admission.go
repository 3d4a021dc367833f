package ingest

import (
	"context"
	"fmt"

	"tributary/ingest/ap"
)

// Arrival is an authenticated activity on its way into the log.
type Arrival struct {
	Raw      []byte       // exactly as received, at most MaxDocumentBytes
	Activity *ap.Activity // parsed from Raw
	Signer   *ap.Actor    // owner of the key that signed the request
	Giver    string       // host that gave it: the signer's
	Grant    Grant        // what the giver may do; GrantNone is refused unless it withdraws something
}

// Outcome is what became of an arrival. All of them are answered 202.
type Outcome string

// The outcomes.
const (
	OutcomeAccepted Outcome = "accepted" // Kafka acknowledged it
	OutcomeRepeat   Outcome = "repeat"   // already there
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

// MaxDocumentBytes bounds a document from the network; larger ones get 413.
const MaxDocumentBytes = 256 << 10

// Admission decides what enters the log.
type Admission struct{}

// Admit brings an arrival into the log. The error is a *Refusal, or a chain
// that the sender is told as 503.
func (a *Admission) Admit(ctx context.Context, in Arrival) (Outcome, error) { panic("todo") }

// Withdraw appends a withdrawal: of an object, an actor or a domain down to tier.
func (a *Admission) Withdraw(ctx context.Context, scope Scope, key string, tier Tier, reason string) error {
	panic("todo")
}
