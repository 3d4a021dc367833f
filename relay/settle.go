package relay

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"tributary/ingest"
)

// settle decides what is addressed to one of our actors itself, in the request
// and in the state database: Follow, Undo, Accept, Reject, Block. It reports
// false for everything else.
func (in *inbox) settle(ctx context.Context, req *request) (string, bool, error) {
	var do func(context.Context, *request) (string, error)
	switch req.activity.Type {
	case "Follow":
		do = in.follow
	case "Undo":
		do = in.undo(req)
	case "Block":
		if _, ours := in.community.topicOf(req.activity.ObjectID); ours {
			do = in.blockedBy
		}
	case "Accept", "Reject":
		do = in.answer
	}
	if do == nil {
		return "", false, nil
	}
	if a := req.activity; a.Actor != req.signer.URI {
		return "", true, refuse(http.StatusForbidden, reasonForged,
			"%s cannot speak for %s", req.signer.URI, a.Actor)
	}
	verdict, err := do(ctx, req)
	if errors.Is(err, errRepeat) {
		return verdictReplay, true, nil
	}
	if err == nil && verdict != verdictNothing {
		in.replays.recall(req.seen)
	}
	return verdict, true, err
}

// once writes the request's signature in the transaction of its effect.
func (in *inbox) once(ctx context.Context, req *request) func(*sql.Tx) error {
	return func(tx *sql.Tx) error { return in.replays.rememberIn(ctx, tx, req.seen) }
}

// undo returns what settles an Undo of something addressed to us: of a Follow,
// embedded or by its id, and of a Block of an actor of ours. It returns nil for others.
func (in *inbox) undo(req *request) func(context.Context, *request) (string, error) {
	a := req.activity
	if a.Object != nil && a.Object.Activity != nil {
		inner := a.Object.Activity
		_, ours := in.community.topicOf(inner.ObjectID)
		switch {
		case inner.Type == "Follow":
			return in.unfollow
		case inner.Type == "Block" && ours:
			return in.unblockedBy
		}
		return nil
	}
	for _, sub := range in.subs.List() {
		if sub.Follow == a.ObjectID {
			return in.unfollow
		}
	}
	return nil
}

// blockedBy honours the Block of our actor, or of one that brings a topic: whoever sends it wants nothing to do
// with us, so what we hold of it is withdrawn and nothing more is taken. The
// block stands before the withdrawal is appended; if that fails the sender hears
// 503 and sends it again.
func (in *inbox) blockedBy(ctx context.Context, req *request) (string, error) {
	actor := req.signer.URI
	block := Block{Scope: ingest.ScopeActor, Key: actor, Reason: reasonOwn}
	if err := in.blocks.add(ctx, block, nothing); err != nil {
		return "", err
	}
	in.endOf(ctx, actor)
	if err := in.admission.Withdraw(ctx, ingest.ScopeActor, actor, ingest.TierNone, reasonOwn); err != nil {
		return "", err
	}
	in.log.InfoContext(ctx, "blocked by an actor, which is withdrawn", "actor", actor)
	return verdictBlockedUs, in.rememberNow(ctx, req)
}

// unblockedBy lets the actor's posts in again. What was withdrawn stays so.
func (in *inbox) unblockedBy(ctx context.Context, req *request) (string, error) {
	err := in.blocks.remove(ctx, ingest.ScopeActor, req.signer.URI, reasonOwn, in.once(ctx, req))
	if errors.Is(err, ErrNotBlocked) {
		return verdictNothing, nil
	}
	return verdictUnblockedUs, err
}

func (in *inbox) rememberNow(ctx context.Context, req *request) error {
	return in.replays.db.Write(ctx, in.once(ctx, req))
}
