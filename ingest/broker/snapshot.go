package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// snapshot is kfake's account of a partition, written at a clean end. Without one that
// fits the segments it reads all of them into memory at once; with one it goes segment
// by segment. So after SIGKILL we write it, from what the scan found (guard 6).
//
// The format is that of the pinned kfake. kfake takes a snapshot only if its list of
// segments is exactly what is on disk, and reads the segments themselves in either
// case: one that it does not understand costs memory, no record.
type snapshot struct {
	Version          int               `json:"version"`
	HighWatermark    int64             `json:"high_watermark"`
	LastStableOffset int64             `json:"last_stable_offset"`
	LogStartOffset   int64             `json:"log_start_offset"`
	MaxTimestamp     int64             `json:"max_timestamp"`
	CreatedAt        time.Time         `json:"created_at"`
	Segments         []snapshotSegment `json:"segments"`
}

type snapshotSegment struct {
	Base int64 `json:"base_offset"`
	Size int64 `json:"size"`
}

const snapshotVersion = 1

// settleSnapshot makes the snapshot fit the segments, or removes it if kfake must find
// out by itself: a damaged segment that still has the size in the snapshot would be cut
// while kfake goes on with the old size (guard 8), and open transactions, which are
// none of ours, are known to a full replay only.
func settleSnapshot(dir string, all []segment, off guards, log *slog.Logger) error {
	name := filepath.Join(dir, partitionDir, snapshotName)
	damaged, transactions := false, false
	for _, s := range all {
		damaged = damaged || s.why != ""
		transactions = transactions || s.transactions
	}
	if damaged {
		if off.snapshot {
			return nil
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("broker: removing the snapshot of a damaged log: %w", err)
		}
		return nil
	}
	if len(all) == 0 || transactions || off.replay || fits(name, all) {
		return nil
	}
	if err := snapshotOf(all).write(name); err != nil { // a full disk must not keep the broker from starting
		log.Warn("snapshot not written, the start needs as much memory as the log", "err", err)
	}
	return nil
}

// fits says whether the snapshot lists exactly these segments. One of a clean end does,
// and knows the log's start better than we do.
func fits(name string, all []segment) bool {
	var s snapshot
	raw, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(raw, &s) != nil || len(s.Segments) != len(all) {
		return false
	}
	for i, have := range all {
		if s.Segments[i] != (snapshotSegment{Base: have.base, Size: have.size}) {
			return false
		}
	}
	return true
}

func snapshotOf(all []segment) snapshot {
	s := snapshot{
		Version:        snapshotVersion,
		LogStartOffset: all[0].base,
		HighWatermark:  all[len(all)-1].next,
		CreatedAt:      all[0].first,
	}
	s.LastStableOffset = s.HighWatermark
	for _, seg := range all {
		s.MaxTimestamp = max(s.MaxTimestamp, seg.newest)
		s.Segments = append(s.Segments, snapshotSegment{Base: seg.base, Size: seg.size})
	}
	return s
}

// write replaces the file. It is not synced: a torn one is no JSON, and ignored.
func (s snapshot) write(name string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := name + ".tmp" // kfake removes what is left of it
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
