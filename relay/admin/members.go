package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tributary/ingest"
	"tributary/relay"
	"tributary/relay/delivery"
)

// ChangeSubscriber approves, rejects or resumes the subscriptions of an actor, by its URI,
// or of all of a host, or gives them another role or filter; with a topic that one alone. It
// returns them as they are then.
func (s *Service) ChangeSubscriber(ctx context.Context, r SubscriberChange) ([]Subscriber, error) {
	change, err := s.change(r)
	if err != nil {
		return nil, err
	}
	named, err := s.named(r.Key, r.Topic)
	if err != nil {
		return nil, err
	}
	changed := []Subscriber{}
	for _, sub := range named {
		if err := change(ctx, sub.Actor, sub.Topic); err != nil {
			return changed, err
		}
		if now, ok := s.Relay.Subscriptions().Topic(sub.Actor, sub.Topic); ok {
			changed = append(changed, subscriberOf(now))
		}
	}
	s.Log.InfoContext(ctx, "subscribers changed", "action", r.Action, "role", r.Role, "key", r.Key, "topic", r.Topic, "subscribers", len(changed))
	return changed, nil
}

// named are the subscriptions of an actor or a host, at least one: each of them, or what a topic says.
func (s *Service) named(key, topic string) ([]relay.Subscriber, error) {
	var want delivery.Topic
	var err error
	if topic != TopicAll {
		want, err = delivery.ParseTopic(topic)
	}
	if err != nil {
		return nil, fmt.Errorf("admin: %w: %q is neither %s nor a topic such as tag/golang: %w", ErrInput, topic, TopicAll, err)
	}
	var list []relay.Subscriber
	for _, sub := range s.Relay.Subscriptions().List() {
		if (sub.Actor == key || sub.Host == key) && (topic == "" || sub.Topic == want) {
			list = append(list, sub)
		}
	}
	switch {
	case len(list) == 0 && topic != "":
		return nil, fmt.Errorf("admin: %w: %q has no subscription to %s", ErrNotFound, key, topic)
	case len(list) == 0:
		return nil, notASubscriber(key)
	}
	return list, nil
}

func (s *Service) change(r SubscriberChange) (func(context.Context, string, ...delivery.Topic) error, error) {
	subs := s.Relay.Subscriptions()
	switch r.Action {
	case "approve":
		return subs.Approve, nil
	case "reject":
		return subs.Reject, nil
	case "resume":
		return s.resume, nil
	case "role":
		role, err := relay.ParseRole(r.Role)
		if err != nil {
			return nil, fmt.Errorf("admin: %w: %w", ErrInput, err)
		}
		return func(ctx context.Context, actor string, topics ...delivery.Topic) error {
			return subs.SetRole(ctx, actor, role, topics...)
		}, nil
	case "filter":
		filter, err := r.Filter.Tidy()
		if err != nil {
			return nil, fmt.Errorf("admin: %w: %w", ErrInput, err)
		}
		return func(ctx context.Context, actor string, topics ...delivery.Topic) error {
			return subs.SetFilter(ctx, actor, filter, topics...)
		}, nil
	}
	return nil, fmt.Errorf("admin: %w: there is no action %q", ErrInput, r.Action)
}

// ListQuarantine lists the servers that are left out for giving too much.
func (s *Service) ListQuarantine(context.Context) ([]Quarantined, error) {
	list := []Quarantined{}
	for _, q := range s.Relay.Quarantine().List() {
		list = append(list, Quarantined(q))
	}
	return list, nil
}

// Release lets a server in again at once.
func (s *Service) Release(_ context.Context, host string) error {
	if !s.Relay.Quarantine().Release(host) {
		return fmt.Errorf("admin: %w: %q is not in quarantine", ErrNotFound, host)
	}
	return nil
}

// ListLimits lists the limits of single servers, oldest first.
func (s *Service) ListLimits(ctx context.Context) ([]Limit, error) {
	all, err := s.Relay.Limits().List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Limit, 0, len(all))
	for _, l := range all {
		list = append(list, Limit(l))
	}
	return list, nil
}

// SetLimit limits a domain, in place of what was said of it before.
func (s *Service) SetLimit(ctx context.Context, l Limit) (Limit, error) {
	domain, err := domainOf(l.Domain)
	if err != nil {
		return Limit{}, err
	}
	l.Domain = domain
	err = s.Relay.Limits().Set(ctx, relay.Limit(l))
	if errors.Is(err, relay.ErrLimit) {
		err = fmt.Errorf("admin: %w: %w", ErrInput, err)
	}
	if err != nil {
		return Limit{}, err
	}
	s.Log.InfoContext(ctx, "limit set", "domain", domain)
	return l, nil
}

// RemoveLimit lets what holds for all hold for a domain.
func (s *Service) RemoveLimit(ctx context.Context, domain string) error {
	domain, err := domainOf(domain)
	if err != nil {
		return err
	}
	err = s.Relay.Limits().Remove(ctx, domain)
	if errors.Is(err, relay.ErrNotLimited) {
		return fmt.Errorf("admin: %w: %s has no limit of its own", ErrNotFound, domain)
	}
	return err
}

// linkFor is how long a link to a member's page is valid.
const linkFor = 7 * 24 * time.Hour

// Links makes, for each subscription of an actor or a host, the address where its
// admin sets which posts it gets, without an account here.
func (s *Service) Links(ctx context.Context, key, topic string) ([]Link, error) {
	named, err := s.named(key, topic)
	if err != nil {
		return nil, err
	}
	list := []Link{}
	for _, sub := range named {
		address, err := s.Relay.MemberLink(sub.Actor, sub.Topic, linkFor)
		if err != nil {
			return nil, err
		}
		list = append(list, Link{
			Actor: sub.Actor, Topic: sub.Topic.String(), URL: address, Until: time.Now().Add(linkFor).UTC().Truncate(time.Second),
		})
	}
	s.Log.InfoContext(ctx, "links made", "key", key, "links", len(list))
	return list, nil
}

// ListAllowed lists the allowed domains, oldest first.
func (s *Service) ListAllowed(ctx context.Context) ([]Allowed, error) {
	all, err := s.Relay.Allowed().List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Allowed, 0, len(all))
	for _, a := range all {
		list = append(list, Allowed(a))
	}
	return list, nil
}

// Allow adds a domain to the allow-list, or changes its note. Servers of it that
// wait already are to be approved.
func (s *Service) Allow(ctx context.Context, a Allowed) (Allowed, error) {
	domain, err := domainOf(a.Domain)
	if err != nil {
		return Allowed{}, err
	}
	a.Domain = domain
	return a, s.Relay.Allowed().Add(ctx, domain, a.Note)
}

// Disallow takes a domain from the allow-list. Its subscriptions stay.
func (s *Service) Disallow(ctx context.Context, domain string) error {
	domain, err := domainOf(domain)
	if err != nil {
		return err
	}
	err = s.Relay.Allowed().Remove(ctx, domain)
	if errors.Is(err, relay.ErrNotAllowed) {
		return fmt.Errorf("admin: %w: %s is not in the allow-list", ErrNotFound, domain)
	}
	return err
}

func domainOf(s string) (string, error) {
	scope, key, err := relay.ParseBlockKey(s)
	if err == nil && scope != ingest.ScopeDomain {
		err = errors.New("it is an actor, not a domain")
	}
	if err != nil {
		return "", fmt.Errorf("admin: %w: %q: %w", ErrInput, s, err)
	}
	return key, nil
}
