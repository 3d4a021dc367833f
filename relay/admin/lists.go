package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/remote"
	"tributary/relay"
)

// Lists lists the subscriptions to block-lists, oldest first.
func (s *Service) Lists(ctx context.Context) ([]ListSubscription, error) {
	all, err := s.Relay.Lists(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]ListSubscription, 0, len(all))
	for _, l := range all {
		list = append(list, ListSubscription{
			URL: l.URL, Reason: l.Reason, Silenced: l.Silenced, EverySeconds: int64(l.Every / time.Second),
			Domains: l.Domains, Added: l.Added, Removed: l.Removed, Changed: l.Changed, Checked: l.Checked, Next: l.Next,
			Failures: l.Failures, LastError: l.Error, Created: l.Created,
		})
	}
	return list, nil
}

// SubscribeList blocks the domains of a list, and what it will say; a dry run says what
// that would be now.
func (s *Service) SubscribeList(ctx context.Context, r ListRequest) (ListResult, error) {
	if r.EverySeconds < 0 || r.EverySeconds > int64(relay.ListEveryMost/time.Second) {
		return ListResult{}, fmt.Errorf("admin: %w: a list cannot be fetched every %d seconds", ErrInput, r.EverySeconds)
	}
	result, err := s.Relay.SubscribeList(ctx, relay.ListSubscription{
		URL: r.URL, Reason: r.Reason, Silenced: r.Silenced, Every: time.Duration(r.EverySeconds) * time.Second,
	}, r.DryRun)
	return listResult(r.URL, r.DryRun, result, err)
}

// RefreshList fetches a list now; a dry run says what would change.
func (s *Service) RefreshList(ctx context.Context, r ListRequest) (ListResult, error) {
	result, err := s.Relay.RefreshList(ctx, r.URL, r.Force, r.DryRun)
	return listResult(r.URL, r.DryRun, result, err)
}

// UnsubscribeList lets in what a list alone blocked, or with keep makes it the operator's
// own block.
func (s *Service) UnsubscribeList(ctx context.Context, url string, keep bool) (ListResult, error) {
	result, err := s.Relay.UnsubscribeList(ctx, url, keep)
	return listResult(url, false, result, err)
}

// listResult says for people what came of a list. That it cannot be had or read is what
// they are told, not a failure of ours.
func listResult(url string, dryRun bool, r relay.ListResult, err error) (ListResult, error) {
	switch {
	case errors.Is(err, relay.ErrNoList):
		return ListResult{}, fmt.Errorf("admin: %w: there is no subscription to %s", ErrNotFound, url)
	case errors.Is(err, relay.ErrBlockList), errors.Is(err, relay.ErrListShrank), err != nil && remote.Result(err) != "other":
		return ListResult{}, fmt.Errorf("admin: %w: %w", ErrInput, err)
	case err != nil:
		return ListResult{}, err
	}
	result := ListResult{
		URL: url, DryRun: dryRun, Unchanged: r.Unchanged, Domains: r.Domains, Kept: r.KeptAsBlocked, Milder: r.Milder, Authors: r.Authors,
		Added: append([]string{}, r.Added...), Removed: append([]string{}, r.Removed...), Hosts: append([]string{}, r.Hosts...),
		Subscribers: []Subscriber{}, Skipped: []SkippedLine{},
	}
	for _, line := range r.Skipped {
		result.Skipped = append(result.Skipped, SkippedLine(line))
	}
	for _, sub := range r.Subscribers {
		result.Subscribers = append(result.Subscribers, subscriberOf(sub))
	}
	return result, nil
}
