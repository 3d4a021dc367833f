package relay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"tributary/ingest/ap"
	"tributary/relay/delivery"
)

const maxURIBytes = 2048 // of a Follow's id and object, which we keep

// follow subscribes a server in Mastodon's style, by a Follow of Public, or in
// LitePub's, by one of an actor of ours. A repeated Follow is answered again, with its
// own id.
func (in *inbox) follow(ctx context.Context, req *request) (string, error) {
	sub, err := in.subscriber(req)
	if err != nil {
		return "", err
	}
	if err := in.checkSoftware(ctx, sub); err != nil {
		return "", err
	}
	made, err := in.subs.follow(ctx, sub, in.once(ctx, req))
	if errors.Is(err, errTooMany) {
		return "", refuse(http.StatusForbidden, reasonSubscriptions,
			"%s has %d subscriptions already; end one of them first", sub.Host, in.subs.mostOf(sub.Topic))
	}
	if err != nil {
		return "", err
	}
	switch made {
	case waitForOperator:
		in.log.InfoContext(ctx, "a subscription waits for approval", "actor", sub.Actor, "topic", sub.Topic)
		return verdictPending, nil
	case rejectNow:
		in.log.InfoContext(ctx, "a subscription was rejected", "actor", sub.Actor, "topic", sub.Topic)
		return verdictRejected, nil
	}
	in.log.InfoContext(ctx, "subscribed", "actor", sub.Actor, "topic", sub.Topic, "inbox", sub.Delivery)
	return verdictSubscribed, nil
}

// checkSoftware asks what the server of a new subscriber runs, if a software is blocked:
// else it would get posts until that is found out.
func (in *inbox) checkSoftware(ctx context.Context, sub Subscriber) error {
	if in.survey == nil || !in.blocks.bySoftware() {
		return nil
	}
	if err := in.survey.first(ctx, due{host: sub.Host, actor: sub.Actor}); err != nil {
		return err
	}
	if block, ok := in.blockOf(sub.Actor); ok {
		return blocked(block)
	}
	return nil
}

// subscriber reads a Follow and its actor's inboxes.
func (in *inbox) subscriber(req *request) (Subscriber, error) {
	a, actor := req.activity, req.signer
	w := asWritten(req.body)
	topic, style, ok := in.followed(a.ObjectID, req.at)
	switch {
	case !ok:
		return Subscriber{}, refuse(http.StatusUnprocessableEntity, reasonFollowObject,
			"there is nothing here to follow but %s, %s and the actors of topics", ap.PublicURI, in.community.Actor())
	case style == delivery.StyleAnnounce && !followsAsServer(actor):
		return Subscriber{}, followOfPerson(actor.URI)
	case a.ID == "" || len(w.ID) > maxURIBytes:
		return Subscriber{}, refuse(http.StatusBadRequest, reasonFollowID, "the Follow needs an id, which the Accept repeats")
	}
	if w.Object == "" || len(w.Object) > maxURIBytes {
		w.Object = a.ObjectID
	}
	if w.ID == "" {
		w.ID = a.ID // written under an alias that only our parser knows
	}
	served := actor.SharedInbox
	if served == "" {
		served = actor.Inbox // GoToSocial and others have no shared inbox
	}
	for _, inbox := range []string{actor.Inbox, served} {
		// Else one Follow would aim a relay's whole flow at a stranger.
		if !ap.SameOrigin(inbox, actor.URI) || len(inbox) > maxURIBytes {
			return Subscriber{}, refuse(http.StatusForbidden, reasonInboxOrigin,
				"inbox and sharedInbox of %s must share its scheme, host and port", actor.URI)
		}
	}
	return Subscriber{
		Actor: actor.URI, Topic: topic, Host: hostOf(actor.URI), Inbox: actor.Inbox, Delivery: served, Follow: w.ID, Object: w.Object, Style: style,
	}, nil
}

// followed is what a Follow of object is for, and in which style: whoever follows Public
// subscribes to the actor at whose inbox that arrives, whoever follows an actor to that one.
func (in *inbox) followed(object string, at delivery.Topic) (delivery.Topic, delivery.Style, bool) {
	if object == ap.PublicURI {
		return at, delivery.StyleForward, true
	}
	topic, ok := in.community.topicOf(object)
	return topic, delivery.StyleAnnounce, ok
}

// written is an activity's id and object as its sender wrote them: the Accept
// gives them back so, as Mastodon compares the id byte for byte.
type written struct {
	ID     string
	Object string // "" when it is neither a string nor something with an id
}

func asWritten(raw []byte) (w written) {
	var doc struct {
		ID     string          `json:"id"`
		Object json.RawMessage `json:"object"`
	}
	if json.Unmarshal(raw, &doc) != nil {
		return written{}
	}
	w.ID = doc.ID
	var list []json.RawMessage
	if json.Unmarshal(doc.Object, &list) == nil && len(list) == 1 {
		doc.Object = list[0]
	}
	if json.Unmarshal(doc.Object, &w.Object) == nil {
		return w
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(doc.Object, &object) == nil {
		w.Object = object.ID
	}
	return w
}

// unfollow ends one of the sender's own subscriptions, and no other: what is stored
// says whose it is, not what the request says. The Follow is matched by its id,
// else by actor and object: Fedify embeds it with the whole actor, others make a
// new id.
func (in *inbox) unfollow(ctx context.Context, req *request) (string, error) {
	own := in.subs.Of(req.signer.URI)
	var inner *ap.Activity
	id := req.activity.ObjectID
	if o := req.activity.Object; o != nil && o.Activity != nil {
		inner, id = o.Activity, o.Activity.ID
	}
	sub, found := in.undone(own, id, inner, req.at)
	switch {
	case inner != nil && inner.Actor != "" && inner.Actor != req.signer.URI, inner == nil && !found:
		return "", refuse(http.StatusForbidden, reasonNotYours,
			"%s can end its own subscription only", req.signer.URI)
	case !found:
		return verdictNothing, nil // some other Follow
	}
	if sub.State == StateRejected || sub.State == StateLeft {
		return verdictNothing, nil // what the operator decided holds
	}
	if err := in.subs.leave(ctx, sub, in.once(ctx, req)); err != nil {
		return "", err
	}
	in.log.InfoContext(ctx, "unsubscribed", "actor", sub.Actor, "topic", sub.Topic)
	return verdictUnsubscribed, nil
}

// undone is which of an actor's subscriptions an Undo names: by the id of the Follow; by
// what was followed if that fits, or if several have the id.
func (in *inbox) undone(own []Subscriber, id string, inner *ap.Activity, at delivery.Topic) (Subscriber, bool) {
	topic, named := at, inner == nil
	if inner != nil {
		topic, _, named = in.followed(inner.ObjectID, at)
	}
	var byID, byObject []Subscriber
	for _, sub := range own {
		fits := named && sub.Topic == topic
		switch {
		case id != "" && sub.Follow == id && fits:
			return sub, true
		case id != "" && sub.Follow == id:
			byID = append(byID, sub)
		case fits && inner != nil:
			byObject = append(byObject, sub)
		}
	}
	if list := append(byID, byObject...); len(list) > 0 {
		return list[0], true
	}
	return Subscriber{}, false
}
