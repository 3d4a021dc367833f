package admin

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Stats reads the figures. The lanes' positions are those last saved, at most a
// second or so old.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	lanes, err := s.lanes(ctx)
	if err != nil {
		return Stats{}, err
	}
	rows, err := s.rows(ctx)
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		Tip: s.Tip(), LogStart: s.LogStart(), StateCursor: s.StateCursor(),
		Subscribers: s.Relay.Subscriptions().Count(), Blocks: len(s.Relay.Blocks().List()),
		Lanes: summary(lanes), Rows: rows,
	}, nil
}

// lanes reads the lanes by inbox.
func (s *Service) lanes(ctx context.Context) (map[string]Lane, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT inbox, position, delivered, given_up, last_success, last_failure,
		last_error, failing_since FROM lanes`)
	if err != nil {
		return nil, fmt.Errorf("admin: listing lanes: %w", err)
	}
	defer rows.Close()
	tip := s.Tip()
	lanes := make(map[string]Lane)
	for rows.Next() {
		var inbox string
		var l Lane
		var position, success, failure, failing int64
		if err := rows.Scan(&inbox, &position, &l.Delivered, &l.GivenUp, &success, &failure, &l.LastError, &failing); err != nil {
			return nil, fmt.Errorf("admin: listing lanes: %w", err)
		}
		l.Position = uint64(position)
		l.Lag = lag(tip, l.Position)
		l.LastSuccess, l.LastFailure, l.FailingSince = moment(success), moment(failure), moment(failing)
		lanes[inbox] = l
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("admin: listing lanes: %w", err)
	}
	return lanes, nil
}

// lag: the position is the first seq that is not settled, so a lane that is
// through with everything stands one above the tip.
func lag(tip, position uint64) uint64 {
	if position > tip {
		return 0
	}
	return tip - position + 1
}

// moment is zero for a 0, which means never.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func summary(lanes map[string]Lane) LaneSummary {
	sum := LaneSummary{Lanes: len(lanes)}
	lags := make([]uint64, 0, len(lanes))
	for _, l := range lanes {
		lags = append(lags, l.Lag)
		sum.Delivered += l.Delivered
		sum.GivenUp += l.GivenUp
		if !l.FailingSince.IsZero() {
			sum.Failing++
		}
	}
	if len(lags) > 0 {
		slices.Sort(lags)
		sum.LagMedian, sum.LagMax = lags[len(lags)/2], lags[len(lags)-1]
	}
	return sum
}

// counted are the tables whose size says something to an operator. objects is
// not among them: counting it reads all of it.
var counted = []string{"authors", "actors", "withdrawn", "fetches", "outbox", "signatures", "tokens"}

func (s *Service) rows(ctx context.Context) ([]RowCount, error) {
	list := make([]RowCount, 0, len(counted))
	for _, name := range counted {
		row := RowCount{Name: name}
		if err := s.DB.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM `+name).Scan(&row.Rows); err != nil {
			return nil, fmt.Errorf("admin: counting %s: %w", name, err)
		}
		list = append(list, row)
	}
	return list, nil
}
