package relay

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/signature/linkeddata"
	"tributary/ingest/signature/proof"
)

// A signature in a document never ends by itself, so whoever once got a copy could
// bring an old version back. Older ones than a request's signature prove nothing:
// the origin is asked.
const (
	proofAge  = signature.MaxAge
	proofSkew = signature.MaxSkew
)

// proofWait is how long a document waits for its turn to be verified. Half of the
// processors do that at once, since the dearest documents take a tenth of a second: what is sent
// by authors themselves must not wait behind them (I3). Who waits longer is fetched.
const proofWait = 2 * time.Second

// documentsMax bounds the documents that are taken apart, or wait for a key or their
// turn: each may hold a megabyte. What is beyond is fetched.
const documentsMax = 64

// Why a signature in a document proves nothing, beside signature.Reason.
const (
	proofBusy      = "busy"
	proofStale     = "stale"
	proofNoKey     = "no_key"
	proofForeign   = "foreign_key" // the key is another actor's
	proofDisagrees = "disagrees"   // what is signed is not what the document says to readers of plain JSON
)

// prover returns what admission may ask for a proof of an activity that its actor
// did not send itself; nil when the document bears none that would do. An LD signature is
// tried before a proof of FEP-8b32, as it lets subscribers verify the post too.
//
// Posts and Deletes only: what an actor says of itself has no version, so an old
// Update of it would undo a newer one.
func (in *inbox) prover(req *request) func(context.Context) *ingest.Proof {
	a := req.activity
	if a.Actor == req.signer.URI || !a.LDSigned && !a.HasProof || !provable(a) {
		return nil
	}
	return func(ctx context.Context) *ingest.Proof {
		if !in.documents.try() {
			return in.unproved(ctx, req, "any", proofBusy, nil)
		}
		defer in.documents.release()
		if a.LDSigned {
			if p := in.proveLD(ctx, req); p != nil {
				return p
			}
		}
		if a.HasProof {
			return in.proveFEP(ctx, req)
		}
		return nil
	}
}

func provable(a *ap.Activity) bool {
	switch a.Type {
	case "Create", "Update":
		return a.Object != nil && a.Object.Post != nil
	case "Delete":
		return a.ObjectID != a.Actor
	}
	return false
}

// proveLD verifies an LD signature. What is believed is what was signed: the
// statement. The raw bytes go on to others, so both must say the same.
func (in *inbox) proveLD(ctx context.Context, req *request) *ingest.Proof {
	doc, err := linkeddata.Parse(req.body)
	if err != nil {
		return in.unproved(ctx, req, "ld", signature.Reason(err), err)
	}
	if !in.timely(doc.Created, time.Time{}) {
		return in.unproved(ctx, req, "ld", proofStale, nil)
	}
	author, reason, err := in.signedBy(ctx, req, doc.KeyID, doc.Verify, in.ldKeys())
	if author == nil {
		return in.unproved(ctx, req, "ld", reason, err)
	}
	signed, err := ap.ParseActivity(doc.Statement())
	if err != nil || !agree(signed, req.activity) {
		return in.unproved(ctx, req, "ld", proofDisagrees, err)
	}
	signed.LDSigned = true
	in.metrics.proved("ld", "ok")
	return &ingest.Proof{Author: author, Activity: signed, Verified: ingest.VerifiedLD}
}

// proveFEP verifies an object integrity proof, which is over the JSON itself. It
// does not cover an LD signature beside it, which has not held.
func (in *inbox) proveFEP(ctx context.Context, req *request) *ingest.Proof {
	doc, err := proof.Parse(req.body)
	if err != nil {
		return in.unproved(ctx, req, "proof", signature.Reason(err), err)
	}
	if !in.timely(doc.Created, doc.Expires) {
		return in.unproved(ctx, req, "proof", proofStale, nil)
	}
	author, reason, err := in.signedBy(ctx, req, doc.KeyID, doc.Verify, in.proofKeys())
	if author == nil {
		return in.unproved(ctx, req, "proof", reason, err)
	}
	signed := *req.activity
	signed.LDSigned = false
	in.metrics.proved("proof", "ok")
	return &ingest.Proof{Author: author, Activity: &signed, Verified: ingest.VerifiedProof}
}

func (in *inbox) unproved(ctx context.Context, req *request, kind, reason string, err error) *ingest.Proof {
	in.metrics.proved(kind, reason)
	in.log.DebugContext(ctx, "signature in a document proves nothing", "kind", kind, "reason", reason,
		"activity_id", req.activity.ID, "err", err)
	return nil
}

func (in *inbox) timely(created, expires time.Time) bool {
	age := in.now().Sub(created)
	return age <= proofAge && age >= -proofSkew && (expires.IsZero() || in.now().Before(expires))
}

// signedBy returns the activity's actor if one of its keys made the signature, or why
// not.
func (in *inbox) signedBy(ctx context.Context, req *request, keyID string, verify func(crypto.PublicKey) error, keys keySource) (*ap.Actor, string, error) {
	actor := req.activity.Actor
	if !ap.SameOrigin(keyID, actor) {
		return nil, proofForeign, nil
	}
	key, err := in.fetchKey(ctx, keyID, keys.get)
	if err != nil {
		return nil, proofNoKey, err
	}
	err = in.inTurn(ctx, key, verify)
	if errors.Is(err, signature.ErrInvalid) || errors.Is(err, signature.ErrAlgorithm) {
		// Once more with the key fetched anew, as for requests.
		if fresh, failed := in.fetchKey(ctx, keyID, keys.refresh); failed == nil && fresh != key {
			key, err = fresh, in.inTurn(ctx, fresh, verify)
		}
	}
	switch {
	case errors.Is(err, errNoTurn):
		return nil, proofBusy, nil
	case err != nil:
		return nil, signature.Reason(err), err
	case key.Owner.URI != actor:
		return nil, proofForeign, nil
	}
	return key.Owner, "", nil
}

var errNoTurn = errors.New("relay: too many documents are being verified")

// inTurn verifies when it is the document's turn.
func (in *inbox) inTurn(ctx context.Context, key *remote.Key, verify func(crypto.PublicKey) error) error {
	if !in.proofs.wait(ctx, proofWait) {
		return errNoTurn
	}
	defer in.proofs.release()
	return verify(key.Public)
}

// agree reports whether two readings of an activity are one in all that decides,
// and in all that is shown of a post.
func agree(a, b *ap.Activity) bool {
	if a.ID != b.ID || a.Type != b.Type || a.Actor != b.Actor || a.ObjectID != b.ObjectID || a.Target != b.Target ||
		!sameSet(a.To, b.To) || !sameSet(a.Cc, b.Cc) || (a.Object == nil) != (b.Object == nil) {
		return false
	}
	if a.Object == nil {
		return true
	}
	x, y := a.Object, b.Object
	if x.ID != y.ID || x.Type != y.Type || x.AttributedTo != y.AttributedTo || (x.Post == nil) != (y.Post == nil) {
		return false
	}
	return x.Post == nil || x.Post.Hash() == y.Post.Hash() && x.Post.Published.Equal(y.Post.Published) && x.Post.Updated.Equal(y.Post.Updated)
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// keySource is where keys of one kind come from.
type keySource struct {
	get, refresh func(context.Context, string) (*remote.Key, error)
}

func (in *inbox) ldKeys() keySource { return keySource{in.keys.Key, in.keys.RefreshKey} }

func (in *inbox) proofKeys() keySource {
	return keySource{in.keys.AssertionKey, in.keys.RefreshAssertionKey}
}
