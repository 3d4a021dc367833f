package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"tributary/ingest"
	"tributary/ingest/state"
	"tributary/ingest/token"
	"tributary/relay"
	"tributary/relay/delivery"
)

// Deps is what the actions work with. All are needed but LogSize, Query and Log.
type Deps struct {
	Relay       *relay.Relay
	Tokens      *token.Store
	DB          *state.DB
	Tip         func() uint64                                    // seq of the newest record
	LogStart    func() uint64                                    // seq of the oldest one
	LogSize     func() (bytes, held int64)                       // of the embedded log; nil: there is none
	StateCursor func() uint64                                    // seq up to which the state database stands for the log
	Lanes       func(context.Context) ([]delivery.Status, error) // of delivery.Engine
	Revive      func(ctx context.Context, inbox string) error    // of delivery.Engine
	Replay      func(ctx context.Context, inbox string, from uint64, dry bool) (position uint64, err error)
	SeqAt       func(context.Context, time.Time) (uint64, error)                 // of ingest.Tail
	MaxAge      time.Duration                                                    // delivery.max_age
	Query       func(ctx context.Context, sql, format string, w io.Writer) error // of index.Index; nil: there is no index
	Log         *slog.Logger
}

// Service is the operator's actions.
type Service struct {
	Deps
}

// New returns the actions over a running relay.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.Log = d.Log.With("component", "admin")
	return &Service{d}
}

// CreateToken makes a token. Its secret is in the answer and nowhere else.
func (s *Service) CreateToken(ctx context.Context, r TokenRequest) (CreatedToken, error) {
	if r.TTLSeconds < 0 || r.TTLSeconds > int64(100*365*24*time.Hour/time.Second) {
		return CreatedToken{}, fmt.Errorf("admin: %w: a token cannot live for %d seconds", ErrInput, r.TTLSeconds)
	}
	secret, t, err := s.Tokens.Create(ctx, r.Name, r.Scopes, time.Duration(r.TTLSeconds)*time.Second)
	switch {
	case errors.Is(err, token.ErrScope):
		return CreatedToken{}, fmt.Errorf("admin: %w: %w", ErrInput, err)
	case err != nil:
		return CreatedToken{}, fmt.Errorf("admin: creating a token: %w", err)
	}
	s.Log.InfoContext(ctx, "token created", "id", t.ID, "name", t.Name, "scopes", t.Scopes)
	return CreatedToken{Secret: secret, Token: tokenOf(t)}, nil
}

// ListTokens lists all tokens, without their secrets.
func (s *Service) ListTokens(ctx context.Context) ([]Token, error) {
	tokens, err := s.Tokens.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("admin: listing tokens: %w", err)
	}
	list := make([]Token, 0, len(tokens))
	for _, t := range tokens {
		list = append(list, tokenOf(t))
	}
	return list, nil
}

// RevokeToken ends a token by its id.
func (s *Service) RevokeToken(ctx context.Context, id string) error {
	err := s.Tokens.Revoke(ctx, id)
	switch {
	case errors.Is(err, token.ErrUnknown):
		return fmt.Errorf("admin: %w: there is no token %q", ErrNotFound, id)
	case err != nil:
		return fmt.Errorf("admin: revoking a token: %w", err)
	}
	s.Log.InfoContext(ctx, "token revoked", "id", id)
	return nil
}

// Subscribers lists all subscriptions, oldest first.
func (s *Service) Subscribers(ctx context.Context) ([]Subscriber, error) {
	lanes, err := s.lanesByInbox(ctx)
	if err != nil {
		return nil, err
	}
	subs := s.Relay.Subscriptions().List()
	list := make([]Subscriber, 0, len(subs))
	for _, sub := range subs {
		row := subscriberOf(sub)
		if lane, ok := lanes[sub.Delivery]; ok {
			row.Lane = &lane
			if lane.form != "" { // what was found out, against what the software promises
				row.Signature, row.SignatureReason = lane.form, lane.formWhy
			}
		}
		list = append(list, row)
	}
	return list, nil
}

// RemoveSubscriber ends subscriptions and tells the subscribers: of one actor by
// its URI, or of all of a host; with a topic that one alone. It returns those that
// ended. They may follow again; a block keeps them out.
func (s *Service) RemoveSubscriber(ctx context.Context, key, topic string) ([]Subscriber, error) {
	named, err := s.named(key, topic)
	if err != nil {
		return nil, err
	}
	var removed []Subscriber
	for _, sub := range named {
		if err := s.Relay.Subscriptions().Remove(ctx, sub.Actor, sub.Topic); err != nil {
			return removed, err
		}
		removed = append(removed, subscriberOf(sub))
	}
	s.Log.InfoContext(ctx, "subscribers removed", "key", key, "topic", topic, "subscribers", len(removed))
	return removed, nil
}

// Blocks lists all blocks, oldest first.
func (s *Service) Blocks(context.Context) ([]Block, error) {
	blocks := s.Relay.Blocks().List()
	list := make([]Block, 0, len(blocks))
	for _, b := range blocks {
		list = append(list, blockOf(b))
	}
	return list, nil
}

// AddBlock refuses a domain, an actor or a software, ends its subscriptions and withdraws
// what is there of it, but not of a software; a dry run says what that would be.
func (s *Service) AddBlock(ctx context.Context, r BlockRequest) (BlockResult, error) {
	scope, key, err := blockKey(r.Scope, r.Key)
	if err != nil {
		return BlockResult{}, err
	}
	block := relay.Block{Scope: scope, Key: key, Reason: r.Reason, Note: r.Note}
	do := s.Relay.Block
	if r.DryRun {
		do = s.Relay.Affected
	}
	affected, err := do(ctx, block)
	if err != nil {
		return BlockResult{}, err
	}
	result := BlockResult{
		Scope: scopeName(scope), Key: key, DryRun: r.DryRun, Authors: affected.Authors,
		Hosts: append([]string{}, affected.Hosts...), Subscribers: []Subscriber{},
	}
	for _, sub := range affected.Subscribers {
		result.Subscribers = append(result.Subscribers, subscriberOf(sub))
	}
	return result, nil
}

// blockKey reads what is to be blocked.
func blockKey(scopeName, key string) (scope ingest.Scope, parsed string, err error) {
	switch scopeName {
	case "":
		scope, parsed, err = relay.ParseBlockKey(key)
	case ScopeSoftware:
		scope = relay.ScopeSoftware
		parsed, err = relay.ParseSoftware(key)
	default:
		err = fmt.Errorf("there is no scope %q", scopeName)
	}
	if err != nil {
		return 0, "", fmt.Errorf("admin: %w: %w", ErrInput, err)
	}
	return scope, parsed, nil
}

// RemoveBlock lets a domain, an actor or (scope "software") a software in again. What was
// withdrawn stays so.
func (s *Service) RemoveBlock(ctx context.Context, scopeName, key string) error {
	scope, key, err := blockKey(scopeName, key)
	if err != nil {
		return err
	}
	err = s.Relay.Unblock(ctx, scope, key)
	if block, ok := s.Relay.Blocks().Host(key); errors.Is(err, relay.ErrNotBlocked) && ok && block.List != "" {
		return fmt.Errorf("admin: %w: %s is blocked by the list %s: allow it (tributary admin allow add %s), or end the subscription", ErrInput, key, block.List, key)
	}
	if errors.Is(err, relay.ErrNotBlocked) {
		return fmt.Errorf("admin: %w: %s is not blocked", ErrNotFound, key)
	}
	return err
}
