package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tributary/relay"
	"tributary/relay/delivery"
)

// ReplayRequest asks for a server to be sent again what it has had.
type ReplayRequest struct {
	Key          string `json:"key"`                     // a host, or the URI of an actor
	From         uint64 `json:"from,omitempty"`          // seq; one of the two
	SinceSeconds int64  `json:"since_seconds,omitempty"` // how long ago
	DryRun       bool   `json:"dry_run,omitempty"`
}

// Replayed says what was set back, or would be.
type Replayed struct {
	DryRun   bool       `json:"dry_run"`
	From     uint64     `json:"from"`
	LogStart uint64     `json:"log_start"` // nothing older is there any more
	Short    bool       `json:"short"`     // what was asked for begins before the log does
	MaxAge   string     `json:"max_age,omitempty"`
	Lanes    []LaneBack `json:"lanes"`
}

// LaneBack is an inbox that is sent something again.
type LaneBack struct {
	Inbox    string `json:"inbox"`
	Position uint64 `json:"position"` // where it stood
	Records  uint64 `json:"records"`  // that it gets again at most: some are not for it, some are no records
}

// Replay sets the lanes of a server, or of one of its actors, back to a seq or a time, as far as the log
// reaches. Its receivers know what they have by its id.
func (s *Service) Replay(ctx context.Context, r ReplayRequest) (Replayed, error) {
	inboxes, err := s.inboxesOf(r.Key)
	if err != nil {
		return Replayed{}, err
	}
	result := Replayed{DryRun: r.DryRun, LogStart: s.LogStart(), Lanes: []LaneBack{}}
	if result.From, err = s.replayFrom(ctx, r); err != nil {
		return Replayed{}, err
	}
	if result.From < result.LogStart {
		result.From, result.Short = result.LogStart, true
	}
	if s.MaxAge > 0 {
		result.MaxAge = s.MaxAge.String()
	}
	var passed error // why a lane stays where it is
	for _, inbox := range inboxes {
		at, err := s.Deps.Replay(ctx, inbox, result.From, r.DryRun)
		switch {
		case errors.Is(err, delivery.ErrNotPassed), errors.Is(err, delivery.ErrNoLane):
			passed = fmt.Errorf("admin: %w: there is nothing that %s could be sent again from %d on: %w", ErrInput, inbox, result.From, err)
		case err != nil:
			return result, err
		default:
			result.Lanes = append(result.Lanes, LaneBack{Inbox: inbox, Position: at, Records: at - result.From})
		}
	}
	if len(result.Lanes) == 0 {
		return Replayed{}, passed
	}
	if !r.DryRun {
		s.Log.InfoContext(ctx, "lanes set back", "key", r.Key, "from", result.From, "lanes", len(result.Lanes))
	}
	return result, nil
}

func (s *Service) replayFrom(ctx context.Context, r ReplayRequest) (uint64, error) {
	switch {
	case r.From > 0 == (r.SinceSeconds > 0) || r.SinceSeconds < 0:
		return 0, fmt.Errorf("admin: %w: say from which seq, or since when, and not both", ErrInput)
	case r.From > 0:
		return r.From, nil
	case r.SinceSeconds > int64(100*365*24*time.Hour/time.Second):
		return 1, nil
	}
	return s.SeqAt(ctx, time.Now().Add(-time.Duration(r.SinceSeconds)*time.Second))
}

// inboxesOf are the inboxes to which an actor's or a host's posts are delivered, each once.
func (s *Service) inboxesOf(key string) ([]string, error) {
	named, err := s.named(key, "")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, sub := range named {
		if sub.State == relay.StateAccepted && !slices.Contains(list, sub.Delivery) {
			list = append(list, sub.Delivery)
		}
	}
	if list == nil {
		return nil, fmt.Errorf("admin: %w: the subscription of %s is not accepted", ErrInput, key)
	}
	return list, nil
}

func notASubscriber(key string) error {
	return fmt.Errorf("admin: %w: %q is neither the actor nor the host of a subscriber", ErrNotFound, key)
}

// resume lets subscriptions of a member go on, those to the topics that are named or all, that the operator
// paused, or that the relay did, and probes an inbox that is failing.
func (s *Service) resume(ctx context.Context, actor string, topics ...delivery.Topic) error {
	own := s.Relay.Subscriptions().Of(actor)
	if len(own) == 0 {
		return notASubscriber(actor)
	}
	for _, sub := range own {
		if len(topics) > 0 && !slices.Contains(topics, sub.Topic) {
			continue
		}
		if err := s.resumeOne(ctx, sub); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) resumeOne(ctx context.Context, sub relay.Subscriber) error {
	if sub.Role == relay.RolePaused {
		if err := s.Relay.Subscriptions().SetRole(ctx, sub.Actor, relay.RoleBoth, sub.Topic); err != nil {
			return err
		}
	}
	err := s.Revive(ctx, sub.Delivery)
	if errors.Is(err, delivery.ErrNoLane) {
		return nil // it publishes only, or waits for approval
	}
	return err
}
