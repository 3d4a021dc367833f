package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"tributary/ingest/ap"
	"tributary/ingest/remote"
	"tributary/ingest/state"
)

// withoutKey handles a request whose key is gone (410) or not there (404).
// A server that deletes an account sends its Delete to everybody and takes the
// key away at once, so the signature of most of them can never be verified.
// It is accepted and dropped. For an actor that we knew, a 410 is its own
// origin's word that it is gone, and counts as its Delete (FEDERATION.md, What is taken),
// whatever the request claims; a 404 may be a mistake and does not.
func (in *inbox) withoutKey(ctx context.Context, req *request, cause error) (string, error) {
	if err := in.parse(req); err != nil {
		return "", err
	}
	a := req.activity
	switch {
	case a.Type != "Delete" && errors.Is(cause, remote.ErrGone):
		return "", because(refuse(http.StatusUnauthorized, reasonKeyGone, "the key is gone: %s", req.signature.KeyID), cause)
	case a.Type != "Delete":
		return "", keyRefusal(req.signature.KeyID, cause)
	case !errors.Is(cause, remote.ErrGone):
		return verdictGoneUnknown, nil
	}
	known, err := in.known(ctx, a.Actor)
	if err != nil {
		return "", fmt.Errorf("relay: looking for traces of %s: %w", a.Actor, err)
	}
	if !known {
		return verdictGoneUnknown, nil
	}
	if err := in.confirmGone(ctx, a.Actor, req.signature.KeyID); err != nil {
		return "", err
	}
	return in.honour(ctx, req)
}

// confirmGone makes sure that it is the actor of the activity that is gone, and
// not only a key that somebody named: a key in a document of its own says
// nothing about the actor.
func (in *inbox) confirmGone(ctx context.Context, actor, keyID string) error {
	if withoutFragment(keyID) == actor {
		return nil
	}
	forged := refuse(http.StatusUnauthorized, reasonKeyGone, "the key is gone, but its owner is not known to be %s", actor)
	host := hostOf(actor)
	if !ap.SameOrigin(actor, keyID) || !in.keyWaits.try(host) {
		return forged
	}
	defer in.keyWaits.release(host)
	ctx, cancel := context.WithTimeout(ctx, in.cfg.KeyTimeout)
	defer cancel()
	_, err := in.keys.RefreshActor(ctx, actor)
	if errors.Is(err, remote.ErrGone) {
		return nil
	}
	return because(forged, err)
}

// honour passes the Delete of a gone actor on as if its key had proved it: with
// its bytes, as subscribers may hold posts of the actor that came through us
// only. A Delete of one of its posts deletes the actor, as that is what we know.
func (in *inbox) honour(ctx context.Context, req *request) (string, error) {
	a := req.activity
	in.endOf(ctx, a.Actor)
	if a.ObjectID != a.Actor {
		return verdictGone, in.admission.ActorGone(ctx, a.Actor)
	}
	owner := &ap.Actor{Author: ap.Author{URI: a.Actor}}
	arrival, err := in.arrival(ctx, req, owner)
	if err != nil {
		return "", err
	}
	_, err = in.admission.Admit(ctx, arrival)
	return verdictGone, err
}

// knows returns a function that reports whether an actor has left a trace here:
// a subscription, posts, or a document that was fetched once (ingest/remote
// keeps the row of an actor that it finds gone, and makes none for others).
func knows(db *state.DB) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, actor string) (bool, error) {
		var one int
		err := db.Read().QueryRowContext(ctx, `SELECT 1 FROM subscribers WHERE actor = $1
			UNION ALL SELECT 1 FROM authors WHERE hash = $2 AND gone = 0
			UNION ALL SELECT 1 FROM actors WHERE hash = $2
			LIMIT 1`, actor, state.Hash(actor)).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
}
