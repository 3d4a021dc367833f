package ingest

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"sort"
)

// A mark remembers which record stood at an offset.
type mark struct {
	seq         uint64
	offset      int64
	fingerprint uint64
}

// marksKept is how many of the newest records can be recognised. A log that
// lost more than that is taken as a new one from the oldest mark on.
const marksKept = 1 << 16

// marks are the newest records read, in order of offset.
type marks []mark

func (m marks) add(entries []*Entry) marks {
	for _, e := range entries {
		m = append(m, mark{e.Record.Seq, e.Record.Offset, e.fingerprint})
	}
	if len(m) > 2*marksKept {
		m = append(marks(nil), m[len(m)-marksKept:]...)
	}
	return m
}

// before returns the marks of offsets below offset.
func (m marks) before(offset int64) marks {
	return m[:sort.Search(len(m), func(i int) bool { return m[i].offset >= offset })]
}

// divergence compares the marks with the log, whose bounds are start and end.
// ok: the newest mark is still there, or expired in good order. Otherwise from
// is the first offset whose record is not the one that was read.
func (m marks) divergence(start, end int64, probe func(offset int64) (uint64, error)) (from int64, ok bool, err error) {
	if len(m) == 0 {
		return 0, true, nil
	}
	newest := m[len(m)-1]
	if newest.offset < start {
		return 0, true, nil
	}
	same := func(k mark) (bool, error) {
		if k.offset >= end {
			return false, nil
		}
		got, err := probe(k.offset)
		return got == k.fingerprint, err
	}
	if ok, err := same(newest); ok || err != nil {
		return 0, ok, err
	}
	// What is still the same is a prefix: search its end.
	low := sort.Search(len(m), func(i int) bool { return m[i].offset >= start })
	n := sort.Search(len(m)-low, func(i int) bool {
		if err != nil {
			return true
		}
		var eq bool
		eq, err = same(m[low+i])
		return !eq
	})
	if err != nil {
		return 0, false, err
	}
	if n == 0 {
		return min(start, end), false, nil
	}
	return m[low+n-1].offset + 1, false, nil
}

// loadMarks returns the stored marks that the epochs still vouch for.
func loadMarks(ctx context.Context, db querier, e epochs) (marks, error) {
	rows, err := db.QueryContext(ctx, `SELECT first_seq, first_offset, fingerprints FROM marks ORDER BY first_seq`)
	if err != nil {
		return nil, fmt.Errorf("ingest: load marks: %w", err)
	}
	defer rows.Close()
	var all marks
	for rows.Next() {
		var seq, offset int64
		var prints []byte
		if err := rows.Scan(&seq, &offset, &prints); err != nil {
			return nil, fmt.Errorf("ingest: load marks: %w", err)
		}
		for i := 0; i+8 <= len(prints); i += 8 {
			k := mark{uint64(seq), offset, binary.BigEndian.Uint64(prints[i:])}
			if e.seqOf(k.offset) == k.seq {
				all = append(all, k)
			}
			seq, offset = seq+1, offset+1
		}
	}
	return all, rows.Err()
}

// saveMarks stores the marks of a batch, one row a run of adjacent offsets.
func saveMarks(ctx context.Context, tx *sql.Tx, batch marks) error {
	for len(batch) > 0 {
		n := 1
		for n < len(batch) && batch[n].seq == batch[n-1].seq+1 && batch[n].offset == batch[n-1].offset+1 {
			n++
		}
		prints := make([]byte, 0, 8*n)
		for _, k := range batch[:n] {
			prints = binary.BigEndian.AppendUint64(prints, k.fingerprint)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO marks (first_seq, first_offset, fingerprints) VALUES ($1, $2, $3)
			ON CONFLICT (first_seq) DO UPDATE SET first_offset = excluded.first_offset, fingerprints = excluded.fingerprints`,
			int64(batch[0].seq), batch[0].offset, prints)
		if err != nil {
			return fmt.Errorf("ingest: save marks: %w", err)
		}
		batch = batch[n:]
	}
	return nil
}

// pruneMarks drops what is older than the newest marksKept records: by offset, for
// seqs skip after an unclean stop.
func pruneMarks(ctx context.Context, tx *sql.Tx, newest int64) error {
	if newest < marksKept {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM marks WHERE first_offset < $1`, newest-marksKept); err != nil {
		return fmt.Errorf("ingest: prune marks: %w", err)
	}
	return nil
}
