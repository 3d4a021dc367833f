package relay

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"tributary/ingest"
	"tributary/ingest/lease"
	"tributary/ingest/remote"
)

// A subscription to a block-list never changes the table blocks, which is the operator's
// own: what lists say stands beside it (Blocks), so that a domain which leaves a list is
// let in unless something else blocks it. What the operator allowed, no list blocks.
//
// A list is applied in one transaction, with the ETag that it came under. Then the
// subscriptions of who is blocked end, and what is here of them is withdrawn: rows of which
// that is not done yet say so, and the next refresh completes what a crash left.

// lister fetches lists. *remote.Client is one.
type lister interface {
	List(ctx context.Context, uri string, known remote.Validators, bytesMax int64) (remote.List, error)
}

// Times of a subscription to a list.
const (
	ListEvery      = 24 * time.Hour // unless the operator says otherwise
	ListEveryLeast = 10 * time.Minute
	ListEveryMost  = 365 * 24 * time.Hour
	listRetry      = 10 * time.Minute // after a failure; then twice as long each time, up to every
	listLook       = time.Minute      // at the table
)

const (
	listURLMax    = 1024
	listReasonMax = 500
	listLease     = "block-lists"
)

// ListResult is what a list did, or would do.
type ListResult struct {
	Affected               // of the domains that are new in it, but for the allowed
	Domains       int      // that it blocks
	Added         []string // since it was applied last
	Removed       []string
	Milder        int // that it does not suspend
	Skipped       []SkippedLine
	Unchanged     bool // its server says that it is the one that is applied
	KeptAsBlocked int  // of the removed, when a subscription ends
}

// SubscribeList fetches a list, blocks what it blocks, and fetches it again from then
// on; of one that is subscribed it changes what is said of it. Nothing is kept of one
// that cannot be had or is not a list. A dry run says what it would do.
func (r *Relay) SubscribeList(ctx context.Context, s ListSubscription, dryRun bool) (ListResult, error) {
	s.URL, s.Reason = strings.TrimSpace(s.URL), strings.TrimSpace(s.Reason)
	if s.Every == 0 {
		s.Every = ListEvery
	}
	switch {
	case s.URL == "" || len(s.URL) > listURLMax || hostOf(s.URL) == "":
		return ListResult{}, fmt.Errorf("relay: %w: %.100q is not the URL of a list", ErrBlockList, s.URL)
	case len(s.Reason) > listReasonMax:
		return ListResult{}, fmt.Errorf("relay: %w: the reason has more than %d bytes", ErrBlockList, listReasonMax)
	case s.Every < ListEveryLeast || s.Every > ListEveryMost:
		return ListResult{}, fmt.Errorf("relay: %w: every %s: it is %s at least and %s at most", ErrBlockList, s.Every, ListEveryLeast, ListEveryMost)
	}
	old, err := listOf(ctx, r.db, s.URL)
	if err != nil && !errors.Is(err, ErrNoList) {
		return ListResult{}, err
	}
	s.Domains = old.Domains
	result, err := r.renewList(ctx, s, renewal{dryRun: dryRun, first: func(tx *sql.Tx) error { return enterList(ctx, tx, s, r.now().UnixMilli()) }})
	if dryRun {
		return result, err
	}
	return result, r.noteList(ctx, s, err)
}

// RefreshList fetches a list now, and notes what came of it; with force one that shrank
// is applied too. A dry run says what it would do, and notes nothing.
func (r *Relay) RefreshList(ctx context.Context, url string, force, dryRun bool) (ListResult, error) {
	s, err := listOf(ctx, r.db, url)
	if err != nil {
		return ListResult{}, err
	}
	result, err := r.renewList(ctx, s, renewal{force: force, dryRun: dryRun, first: nothing})
	if dryRun {
		return result, err
	}
	return result, r.noteList(ctx, s, err)
}

// renewal is how a list is fetched and applied.
type renewal struct {
	force     bool // apply a list that shrank
	dryRun    bool
	unchanged bool                // ask its server for nothing that is known already
	first     func(*sql.Tx) error // in the transaction, before the rest
}

func (r *Relay) renewList(ctx context.Context, s ListSubscription, how renewal) (ListResult, error) {
	if r.lists == nil {
		return ListResult{}, fmt.Errorf("relay: %w: this relay fetches no lists", ErrBlockList)
	}
	known := remote.Validators{}
	if how.unchanged {
		known = s.known
	}
	fetched, err := r.lists.List(ctx, s.URL, known, BlockListBytesMax)
	if err != nil {
		return ListResult{}, fmt.Errorf("relay: fetching the list %s: %w", s.URL, err)
	}
	if fetched.Unchanged {
		return ListResult{Domains: s.Domains, Unchanged: true}, r.unchangedList(ctx, s)
	}
	list, result, err := r.screen(fetched.Raw, s)
	if err != nil {
		return result, err
	}
	if !how.force && 2*len(list) < s.Domains {
		return result, fmt.Errorf("relay: %w: from %d domains to %d: look at it, and confirm with: tributary admin block refresh %s --force",
			ErrListShrank, s.Domains, len(list), s.URL)
	}
	s.known = fetched.Validators
	return r.applied(ctx, s, list, result, how)
}

// screen reads a stranger's list and leaves out what no list may block.
func (r *Relay) screen(raw []byte, s ListSubscription) ([]listRow, ListResult, error) {
	var result ListResult
	if bytes.IndexByte(raw, 0) >= 0 || !utf8.Valid(raw) {
		return nil, result, fmt.Errorf("relay: the list %s: %w: it is not text in UTF-8", s.URL, ErrBlockList)
	}
	domains, skipped, err := ParseBlockList(bytes.NewReader(raw))
	if err != nil {
		return nil, result, err
	}
	result.Skipped = skipped
	wrong := 0
	for _, line := range skipped {
		wrong += asNumber(line.Why == whyNotDomain)
	}
	if wrong > len(domains) {
		return nil, result, fmt.Errorf("relay: the list %s: %w: %d lines are no domains, %d are", s.URL, ErrBlockList, wrong, len(domains))
	}
	var list []listRow
	for _, d := range domains {
		if d.Severity != SeveritySuspend && (!s.Silenced || d.Severity != severitySilence) {
			result.Milder++
			continue
		}
		if why := r.spared(d.Domain); why != "" {
			result.Skipped = append(result.Skipped, SkippedLine{Line: d.Line, Text: d.Domain, Why: why})
			continue
		}
		row := listRow{d.Domain, d.Comment}
		if row.reason == "" {
			row.reason = s.Reason
		}
		list = append(list, row)
	}
	if len(list) == 0 {
		return nil, result, fmt.Errorf("relay: the list %s: %w: it blocks nothing", s.URL, ErrBlockList)
	}
	result.Domains = len(list)
	return list, result, nil
}

// spared says why a list of somebody else may not block a domain.
func (r *Relay) spared(domain string) string {
	for name := range parents(r.community.Host()) {
		if name == domain {
			return "this relay itself"
		}
	}
	if suffix, icann := publicsuffix.PublicSuffix(domain); icann && suffix == domain {
		return "all domains below a public suffix: block it yourself if you mean that"
	}
	return ""
}

// applied applies a list, and does what follows from it.
func (r *Relay) applied(ctx context.Context, s ListSubscription, list []listRow, result ListResult, how renewal) (ListResult, error) {
	had, err := listedBy(ctx, r.db.Read(), s.URL)
	if err != nil {
		return result, fmt.Errorf("relay: reading the list %s: %w", s.URL, err)
	}
	change := changeOf(had, list)
	if result.Affected, err = r.affectedBy(ctx, change.added, r.allowed.Host); err != nil {
		return result, err
	}
	if !how.dryRun {
		err := r.db.Write(ctx, func(tx *sql.Tx) error {
			if err := how.first(tx); err != nil {
				return err
			}
			change, err = applyList(ctx, tx, s, list, r.now().UnixMilli())
			return err
		})
		if err != nil {
			return result, fmt.Errorf("relay: applying the list %s: %w", s.URL, err)
		}
	}
	slices.Sort(change.added)
	slices.Sort(change.removed)
	result.Added, result.Removed = change.added, change.removed
	if how.dryRun {
		return result, nil
	}
	r.log.InfoContext(ctx, "block-list applied", "url", s.URL, "domains", len(list), "added", len(change.added), "removed", len(change.removed))
	return result, r.settleList(ctx, s.URL)
}

// settleList ends the subscriptions of who is blocked now, and withdraws what is here of
// the domains of a list of which that was not done yet.
func (r *Relay) settleList(ctx context.Context, url string) error {
	if err := r.blocks.Refresh(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := r.endBlocked(ctx); err != nil {
		return err
	}
	domains, last, err := r.unsettled(ctx, url)
	if err != nil || len(domains) == 0 {
		return err
	}
	affected, err := r.affectedBy(ctx, domains, r.allowed.Host)
	if err != nil {
		return err
	}
	for _, host := range affected.Hosts {
		block, _ := r.blocks.Host(host)
		if err := r.admission.Withdraw(ctx, ingest.ScopeDomain, host, ingest.TierNone, block.Reason); err != nil {
			return fmt.Errorf("relay: the list %s is applied, but what %s sent before is not withdrawn yet: %w", url, host, err)
		}
	}
	err = r.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE listed SET withdrawn = 1 WHERE list = $1 AND withdrawn = 0 AND created_at <= $2`, url, last)
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: noting what of the list %s is withdrawn: %w", url, err)
	}
	return nil
}

// unsettled are the domains of a list of which nothing was withdrawn yet, and when the
// last of them came.
func (r *Relay) unsettled(ctx context.Context, url string) (domains []string, last int64, err error) {
	rows, err := r.db.Read().QueryContext(ctx, `SELECT domain, created_at FROM listed WHERE list = $1 AND withdrawn = 0`, url)
	if err != nil {
		return nil, 0, fmt.Errorf("relay: reading the list %s: %w", url, err)
	}
	defer rows.Close()
	for rows.Next() {
		var domain string
		var created int64
		if err := rows.Scan(&domain, &created); err != nil {
			return nil, 0, fmt.Errorf("relay: reading the list %s: %w", url, err)
		}
		domains, last = append(domains, domain), max(last, created)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("relay: reading the list %s: %w", url, err)
	}
	return domains, last, nil
}

// unchangedList notes that a list is the one that is applied, and completes what a crash left.
func (r *Relay) unchangedList(ctx context.Context, s ListSubscription) error {
	now := r.now()
	err := r.writeList(ctx, `UPDATE block_lists SET checked_at = $2, next_at = $3, failures = 0, last_error = '' WHERE url = $1`,
		s.URL, now.UnixMilli(), now.Add(s.Every).UnixMilli())
	if err != nil {
		return err
	}
	return r.settleList(ctx, s.URL)
}

// noteList notes why a list was not applied, and counts what came of it.
func (r *Relay) noteList(ctx context.Context, s ListSubscription, cause error) error {
	r.inbox.metrics.renewed(resultOf(cause))
	if cause == nil || errors.Is(cause, ErrNoList) || ctx.Err() != nil {
		return cause
	}
	wait := min(listRetry<<min(s.Failures, 16), s.Every)
	return errors.Join(cause, r.writeList(ctx, `UPDATE block_lists SET failures = failures + 1, last_error = $2, next_at = $3 WHERE url = $1`,
		s.URL, firstWords(cause), r.now().Add(wait).UnixMilli()))
}

// resultOf names what came of a refresh for the metric: a closed set.
func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrListShrank):
		return "shrank"
	case errors.Is(err, ErrBlockList):
		return "broken"
	case remote.Result(err) != "other":
		return "unreachable"
	}
	return "failed"
}

func (r *Relay) writeList(ctx context.Context, query string, args ...any) error {
	err := r.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: storing a block-list: %w", err)
	}
	return nil
}

// UnsubscribeList ends a subscription: what the list alone blocked is let in, or with
// keep becomes the operator's own block. What was withdrawn stays so.
func (r *Relay) UnsubscribeList(ctx context.Context, url string, keep bool) (ListResult, error) {
	var result ListResult
	err := r.db.Write(ctx, func(tx *sql.Tx) error {
		result = ListResult{}
		rows, err := listedBy(ctx, tx, url)
		if err != nil {
			return err
		}
		for domain, reason := range rows {
			result.Removed = append(result.Removed, domain)
			if !keep || r.allowed.Host(domain) {
				continue // an allowed one was not blocked
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO blocks (scope, key, reason, note, created_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (scope, key) DO NOTHING`, ingest.ScopeDomain, domain, reason, "from "+url, r.now().UnixMilli()); err != nil {
				return err
			}
			result.KeptAsBlocked++
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM listed WHERE list = $1`, url); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM block_lists WHERE url = $1`, url)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNoList)
		}
		return nil
	})
	if err != nil {
		return ListResult{}, fmt.Errorf("relay: ending the subscription to %s: %w", url, err)
	}
	slices.Sort(result.Removed)
	r.log.InfoContext(ctx, "subscription to a block-list ended", "url", url, "domains", len(result.Removed), "kept", keep)
	return result, r.blocks.Refresh(context.WithoutCancel(ctx))
}

// renewLists fetches the lists that are due while this node has the lease. First it
// completes what a crash left.
func (r *Relay) renewLists(ctx context.Context, term lease.Term) {
	if err := r.settleLists(ctx); err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "what is here of who is blocked by lists is not withdrawn yet", "err", err)
	}
	for ctx.Err() == nil {
		if err := r.dueLists(ctx, term); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "block-lists are not looked after", "err", err)
		}
		timer := time.NewTimer(listLook)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (r *Relay) settleLists(ctx context.Context) error {
	lists, err := r.Lists(ctx)
	for _, s := range lists {
		err = errors.Join(err, r.settleList(ctx, s.URL))
	}
	return err
}

// dueLists fetches each list that is due once.
func (r *Relay) dueLists(ctx context.Context, term lease.Term) error {
	lists, err := r.Lists(ctx)
	if err != nil {
		return err
	}
	for _, s := range lists {
		if s.Next.After(r.now()) {
			continue
		}
		_, err := r.renewList(ctx, s, renewal{unchanged: true, first: func(tx *sql.Tx) error { return term.Check(ctx, tx) }})
		if err := r.noteList(ctx, s, err); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "a block-list was not applied", "url", s.URL, "err", err)
		}
	}
	return nil
}
