package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// restoredSkips is how many seqs a restore leaves out: more than can have been shown since the backup
// was made. The log's one partition takes some 100,000 records a second at best, and so that many in 127
// days; seqs stay below 2^53, where JavaScript's numbers end, for 8,000 restores.
const restoredSkips = 1 << 40

// Restored makes the positions of a state database that was restored from a backup safe to go on with. It
// runs in the transaction that restores it.
//
// The rows speak of the log as it was when they were read, and seqs were shown since that they know
// nothing of. So the ceiling is raised: what is appended from now on gets seqs that nobody has seen,
// whatever the log is (open.go does the rest):
//
//   - the same log, or one with more records: those keep the seqs that they had, are folded in, delivered
//     and indexed (again: deliveries repeat, receivers know the id; rows are the same rows); new records
//     come after a gap in the seqs;
//
//   - an older one, or none: the marks tell where it differs. Readers and lanes that are past that place
//     go on behind the gap, and are told that records were lost (EventRegressed). The same goes for a log
//     that has lost, since, records that the backup knows: what came in their place is shown again.
//
//   - one of which nothing is left that the backup knows: its seqs may have been others, and the records that
//     said so have expired. All that it holds gets seqs behind the gap; readers and lanes are told.
//
// In no case does a seq stand for two records, or a cursor of anybody's skip what it has not seen.
// Leases of nodes that are no more are gone, so that nobody waits for them.
func Restored(ctx context.Context, tx *sql.Tx) error {
	var ceiling, position int64
	err := tx.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'ceiling'`).Scan(&ceiling)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("ingest: restored ceiling: %w", err)
	}
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM cursors`).Scan(&position)
	if err != nil {
		return fmt.Errorf("ingest: restored cursors: %w", err)
	}
	if err := saveCeiling(ctx, uint64(max(ceiling, position))+restoredSkips)(tx); err != nil {
		return err
	}
	if err := saveSetting(ctx, tx, restoredSetting, 0); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM leases`); err != nil {
		return fmt.Errorf("ingest: restored leases: %w", err)
	}
	return nil
}

// restoredSetting is there until all of the log that a restored state database met is folded in. Its value
// is 0 until the first start, and then the seq at which that is so.
const restoredSetting = "restored"

// reconcileRestored is reconcile, which it tells whether the database knows less than was shown: after a
// restore epochs may have come that only the log tells.
//
// Crash before the setting is written: the next start does the same again, and skips more seqs.
func (t *Tail) reconcileRestored(ctx context.Context, position uint64, start, end int64) error {
	var until int64
	err := t.db.Read().QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, restoredSetting).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return t.reconcile(ctx, start, end)
	}
	if err != nil {
		return fmt.Errorf("ingest: open restored: %w", err)
	}
	t.restored = until == 0 || position < uint64(until)
	if err := t.reconcile(ctx, start, end); err != nil {
		return err
	}
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		if !t.restored {
			_, err := tx.ExecContext(ctx, `DELETE FROM settings WHERE name = $1`, restoredSetting)
			return err
		}
		if until != 0 {
			return nil
		}
		return saveSetting(ctx, tx, restoredSetting, t.epochs.Load().seqOf(end))
	})
}

// unseen says that nothing in a log that starts at start was read before, or could be recognised.
func (t *Tail) unseen(start int64) bool {
	if len(t.marks) == 0 {
		return t.next < start
	}
	return t.marks[len(t.marks)-1].offset < start
}

func saveSetting(ctx context.Context, tx *sql.Tx, name string, value uint64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, int64(value))
	if err != nil {
		return fmt.Errorf("ingest: save %s: %w", name, err)
	}
	return nil
}
