package lease

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// row is a line of the table leases.
type row struct {
	name       string
	node       string
	generation int64
	expires    int64 // of a node's row: ms, for people and for whoever only asks whether a node runs
}

// The rows that are no shares.
const (
	nodePrefix   = "node/"
	wantsPrefix  = "wants/"
	openedPrefix = "opened/"
	openingName  = "opening"
)

func wantsName(kind, node string) string { return wantsPrefix + kind + "/" + node }

// shareName names a share: of a kind with one shard it is the kind.
func shareName(kind string, shard, shards int) string {
	if shards == 1 {
		return kind
	}
	return fmt.Sprintf("%s/%d", kind, shard)
}

// table is what one look at it brought.
type table map[string]row

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readTable(ctx context.Context, tx querier) (table, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name, node, generation, expires_at FROM leases`)
	if err != nil {
		return nil, fmt.Errorf("lease: read: %w", err)
	}
	defer rows.Close()
	all := make(table)
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.name, &r.node, &r.generation, &r.expires); err != nil {
			return nil, fmt.Errorf("lease: read: %w", err)
		}
		all[r.name] = r
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("lease: read: %w", err)
	}
	return all, nil
}

// said are the nodes whose row under prefix was written in their present life.
func (t table) said(prefix string) []string {
	var nodes []string
	for name, r := range t {
		if strings.HasPrefix(name, prefix) && t[nodePrefix+r.node].generation == r.generation {
			nodes = append(nodes, r.node)
		}
	}
	return nodes
}

// there says whether a node has not been found dead.
func (t table) there(node string) bool {
	_, ok := t[nodePrefix+node]
	return ok
}

// renew writes our node's row; false when it is not ours any more. It runs beside the
// transactions that read the table: bury takes care of that.
func renew(ctx context.Context, db database, node string, generation, expires int64) (bool, error) {
	done, err := db.Exec(ctx, `UPDATE leases SET expires_at = $1 WHERE name = $2 AND generation = $3`,
		expires, nodePrefix+node, generation)
	if err != nil {
		return false, fmt.Errorf("lease: renew: %w", err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// enter makes our node's row, with a generation that no life of it had before:
// about the time in µs.
func enter(ctx context.Context, tx *sql.Tx, node string, generation, expires int64) (got int64, err error) {
	err = tx.QueryRowContext(ctx, `INSERT INTO leases (name, node, generation, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at,
			generation = CASE WHEN leases.generation < excluded.generation THEN excluded.generation ELSE leases.generation + 1 END
		RETURNING generation`, nodePrefix+node, node, generation, expires).Scan(&got)
	if err != nil {
		return 0, fmt.Errorf("lease: enter: %w", err)
	}
	return got, nil
}

// say writes a row of ours that is true as long as our node lives.
func say(ctx context.Context, tx *sql.Tx, name, node string, generation int64) error {
	return hold(ctx, tx, []row{{name: name, node: node, generation: generation}})
}

// hold writes who has shares, in one statement however many there are: on a busy
// machine each costs milliseconds, and a renewal has seconds. Whoever asks has read
// in the same transaction what stands there.
func hold(ctx context.Context, tx *sql.Tx, shares []row) error {
	if len(shares) == 0 {
		return nil
	}
	var values strings.Builder
	args := make([]any, 0, 3*len(shares))
	for i, r := range shares {
		if i > 0 {
			values.WriteString(", ")
		}
		fmt.Fprintf(&values, "($%d, $%d, $%d, 0)", 3*i+1, 3*i+2, 3*i+3)
		args = append(args, r.name, r.node, r.generation)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO leases (name, node, generation, expires_at) VALUES `+values.String()+`
		ON CONFLICT (name) DO UPDATE SET node = excluded.node, generation = excluded.generation`, args...)
	if err != nil {
		return fmt.Errorf("lease: write shares: %w", err)
	}
	return nil
}

func remove(ctx context.Context, tx *sql.Tx, names ...string) error {
	for _, name := range names {
		if _, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE name = $1`, name); err != nil {
			return fmt.Errorf("lease: remove %s: %w", name, err)
		}
	}
	return nil
}

// lay removes the row of a node that is dead if it stands as it was seen; false when it
// was renewed in the last moment. Of the two, whoever comes first undoes the other: a
// renewal finds no row, or this finds another one.
func (t table) lay(ctx context.Context, tx *sql.Tx, node string, seen sighting) (bool, error) {
	done, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND generation = $2 AND expires_at = $3`,
		nodePrefix+node, seen.life, seen.expires)
	if err != nil {
		return false, fmt.Errorf("lease: remove %s: %w", node, err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// bury removes what a dead node said. Its shares stay in its name: whose node has
// no row is nobody's.
func (t table) bury(ctx context.Context, tx *sql.Tx, node string) error {
	for name, r := range t {
		said := strings.HasPrefix(name, wantsPrefix) || strings.HasPrefix(name, openedPrefix) || strings.HasPrefix(name, nodePrefix)
		if !said || r.node != node {
			continue
		}
		if err := remove(ctx, tx, name); err != nil {
			return err
		}
		delete(t, name)
	}
	return nil
}
