package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const (
	sqliteMagic   = "SQLite format 3\x00"
	sqliteTimeout = time.Minute // a file may hold views that never end
)

// readSQLite reads ActivityRelay's database. The relay may run: nothing is written.
func readSQLite(ctx context.Context, path string) (e Export, err error) {
	ctx, cancel := context.WithTimeout(ctx, sqliteTimeout)
	defer cancel()
	uri := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{
		"mode": {"ro"}, "_query_only": {"1"}, "_pragma": {"trusted_schema(0)", "busy_timeout(5000)"},
	}.Encode()
	connector, err := sqlite.NewConnector(uri)
	if err != nil {
		return Export{}, err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	r := sqliteFile{db}
	var t pythonTables
	if err := r.tables(ctx, &t); err != nil {
		return Export{}, err
	}
	return t.export(), nil
}

type sqliteFile struct{ db *sql.DB }

func (f sqliteFile) tables(ctx context.Context, t *pythonTables) error {
	found := false
	read := func(table string, add func(row map[string]string), columns ...string) error {
		have, err := f.columns(ctx, table)
		if err != nil || len(have) == 0 {
			return err
		}
		found = found || table == "inboxes"
		return f.rows(ctx, table, columns, have, add)
	}
	ban := func(list *[]pythonBan) func(map[string]string) {
		return func(r map[string]string) {
			*list = append(*list, pythonBan{Domain: r["domain"], Name: r["name"], Reason: r["reason"], Note: r["note"]})
		}
	}
	err := errors.Join(
		read("config", func(r map[string]string) { t.Config = append(t.Config, pythonSetting{r["key"], r["value"]}) }, "key", "value"),
		read("inboxes", func(r map[string]string) {
			accepted := r["accepted"] != "0" && r["accepted"] != "false"
			t.Inboxes = append(t.Inboxes, pythonInbox{
				Domain: r["domain"], Actor: r["actor"], Inbox: r["inbox"], Follow: r["followid"], Software: r["software"], Accepted: &accepted,
			})
		}, "domain", "actor", "inbox", "followid", "software", "accepted"),
		read("domain_bans", ban(&t.DomainBans), "domain", "reason", "note"),
		read("instance_bans", ban(&t.InstanceBans), "domain", "reason", "note"),
		read("software_bans", ban(&t.SoftwareBans), "name", "reason", "note"),
		read("whitelist", ban(&t.Whitelist), "domain"),
	)
	if err == nil && !found {
		err = fmt.Errorf("%w: the database has no table inboxes", ErrFormat)
	}
	return err
}

// columns are those of a table; none if there is no such table, or a view in its place.
func (f sqliteFile) columns(ctx context.Context, table string) (names []string, err error) {
	rows, err := f.db.QueryContext(ctx, `SELECT i.name FROM sqlite_master m, pragma_table_info(m.name) i WHERE m.type = 'table' AND m.name = $1`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// rows reads columns of a table, of which it may not have all, as text, up to the bounds.
func (f sqliteFile) rows(ctx context.Context, table string, columns, have []string, add func(map[string]string)) error {
	var list []string
	for _, c := range columns {
		if slices.Contains(have, c) {
			list = append(list, `substr(CAST("`+c+`" AS TEXT), 1, 16384)`)
		} else {
			list = append(list, "NULL")
		}
	}
	rows, err := f.db.QueryContext(ctx, fmt.Sprintf(`SELECT %s FROM "%s" ORDER BY 1 LIMIT %d`, strings.Join(list, ", "), table, entriesMax+1))
	if err != nil {
		return err
	}
	defer rows.Close()
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]string, len(columns))
		for i, c := range columns {
			row[c] = values[i].String
		}
		add(row)
	}
	return rows.Err()
}
