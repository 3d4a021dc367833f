package admin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tributary/ingest"
	"tributary/relay"
)

// ImportBlocks refuses the domains of a list, ends their subscriptions and
// withdraws what is there of them; a dry run says what that would be. Lines that
// are no domains are told and change nothing.
func (s *Service) ImportBlocks(ctx context.Context, r BlockListRequest, list io.Reader) (BlockListResult, error) {
	listed, skipped, err := relay.ParseBlockList(list)
	if errors.Is(err, relay.ErrBlockList) {
		return BlockListResult{}, fmt.Errorf("admin: %w: %w", ErrInput, err)
	}
	if err != nil {
		return BlockListResult{}, err
	}
	result := BlockListResult{DryRun: r.DryRun, Blocked: []string{}, Hosts: []string{}, Subscribers: []Subscriber{}, Skipped: []SkippedLine{}}
	for _, line := range skipped {
		result.Skipped = append(result.Skipped, SkippedLine(line))
	}
	var blocks []relay.Block
	for _, d := range listed {
		if d.Severity != relay.SeveritySuspend && (!r.Silenced || d.Severity != "silence") {
			result.Milder++
			continue
		}
		reason := d.Comment
		if reason == "" {
			reason = r.Reason
		}
		blocks = append(blocks, relay.Block{Scope: ingest.ScopeDomain, Key: d.Domain, Reason: reason, Note: r.Note})
	}
	do := s.Relay.BlockAll
	if r.DryRun {
		do = s.Relay.AffectedByAll
	}
	done, err := do(ctx, blocks)
	if err != nil {
		return BlockListResult{}, err
	}
	result.Known, result.Authors, result.Hosts = done.Known, done.Authors, append(result.Hosts, done.Hosts...)
	for _, b := range done.New {
		result.Blocked = append(result.Blocked, b.Key)
	}
	for _, sub := range done.Subscribers {
		result.Subscribers = append(result.Subscribers, subscriberOf(sub))
	}
	return result, nil
}
