package admin

import (
	"context"
	"fmt"
	"slices"

	"tributary/relay/delivery"
)

// Stats reads the figures.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	lanes, err := s.lanesByInbox(ctx)
	if err != nil {
		return Stats{}, err
	}
	rows, err := s.rows(ctx)
	if err != nil {
		return Stats{}, err
	}
	var bytes, held int64
	if s.LogSize != nil {
		bytes, held = s.LogSize()
	}
	return Stats{
		Tip: s.Tip(), LogStart: s.LogStart(), StateCursor: s.StateCursor(), LogBytes: bytes, HeldBytes: held,
		Subscribers: s.Relay.Subscriptions().Count(), Blocks: s.Relay.Blocks().Count(),
		Lanes: summary(lanes), Rows: rows,
	}, nil
}

func (s *Service) lanesByInbox(ctx context.Context) (map[string]Lane, error) {
	list, err := s.Lanes(ctx)
	if err != nil {
		return nil, fmt.Errorf("admin: listing lanes: %w", err)
	}
	lanes := make(map[string]Lane, len(list))
	for _, status := range list {
		lanes[status.Inbox] = laneOf(status)
	}
	return lanes, nil
}

func summary(lanes map[string]Lane) LaneSummary {
	sum := LaneSummary{Lanes: len(lanes)}
	lags := make([]uint64, 0, len(lanes))
	for _, l := range lanes {
		lags = append(lags, l.Lag)
		sum.Delivered += l.Delivered
		sum.GivenUp += l.GivenUp
		switch delivery.State(l.State) {
		case delivery.StateFailing:
			sum.Failing++
		case delivery.StateStale:
			sum.Stale++
		case delivery.StatePaused:
			sum.Paused++
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
