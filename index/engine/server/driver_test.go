package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
)

var compressions = map[string]*clickhouse.Compression{
	"none": nil,
	"lz4":  {Method: clickhouse.CompressionLZ4},
	"zstd": {Method: clickhouse.CompressionZSTD},
	"gzip": {Method: clickhouse.CompressionGZIP, Level: 3},
}

type row struct {
	ID      uint64    `ch:"id"`
	At      time.Time `ch:"at"`
	Host    string    `ch:"host"`
	Tags    []string  `ch:"tags"`
	Text    string    `ch:"text"`
	Deleted bool      `ch:"deleted"`
	Reply   *uint64   `ch:"reply"`
	Key     uuid.UUID `ch:"key"`
}

// clickhouse-go, as it comes, over the socket: what the index does with it.
func TestDriver(t *testing.T) {
	p := serve(t, guards{})
	for name, compression := range compressions {
		t.Run(name, func(t *testing.T) {
			c := p.driver(t, compression, clickhouse.Settings{"enable_http_compression": 1})
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			v, err := c.ServerVersion()
			if err != nil || v.Version.Major < 26 || v.Timezone.String() != "UTC" {
				t.Fatalf("%v, %v", v, err)
			}
			table := p.database + ".posts_" + name
			err = c.Exec(t.Context(), `CREATE TABLE `+table+` (id UInt64, at DateTime64(3, 'UTC'), host LowCardinality(String),
				tags Array(LowCardinality(String)), text String, deleted Bool, reply Nullable(UInt64), key UUID, extra UInt8 DEFAULT 7)
				ENGINE = ReplacingMergeTree ORDER BY id`)
			if err != nil {
				t.Fatal(err)
			}
			batch, err := c.PrepareBatch(t.Context(), "INSERT INTO "+table+" (id, at, host, tags, text, deleted, reply, key)")
			if err != nil {
				t.Fatal(err)
			}
			want := make([]row, 5000)
			for i := range want {
				want[i] = sample(i)
				if err := batch.AppendStruct(&want[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			var got []row
			err = c.Select(t.Context(), &got, "SELECT * EXCEPT extra FROM "+table+" WHERE host = ? ORDER BY id", "host.example")
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d rows", len(got))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("row %d:\n%+v\n%+v", i, got[i], want[i])
				}
			}
		})
	}
}

func sample(i int) row {
	r := row{
		ID: uint64(i), At: time.UnixMilli(1_700_000_000_000 + int64(i)).UTC(), Host: "host.example", Tags: []string{"a", "b\n\n;"}[:1+i%2],
		Text: strings.Repeat("text\n\n'\\ \x00 🦣 ", i%7), Deleted: i%3 == 0, Key: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)),
	}
	if i%2 == 0 {
		r.Reply = &r.ID
	}
	return r
}

func TestDriverParameters(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, nil, nil)
	for _, value := range []string{"", "plain", "it's", `back\slash \n`, "tab\tline\n\nline\r", "nul\x00nul", "🦣", "'; DROP TABLE x; --", "{a:String}"} {
		var got string
		ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"a": value}))
		if strings.ContainsRune(value, 0) {
			// The driver sends parameters as they are; a NUL could not be told from the end of an argument.
			if err := c.QueryRow(ctx, "SELECT {a:String}").Scan(&got); code(err) != badArguments {
				t.Errorf("%q: %q, %v", value, got, err)
			}
			continue
		}
		if err := c.QueryRow(t.Context(), "SELECT {a:String}", clickhouse.Named("a", value)).Scan(&got); err != nil || got != value {
			t.Errorf("named %q: %q, %v", value, got, err)
		}
		if err := c.QueryRow(t.Context(), "SELECT ?", value).Scan(&got); err != nil || got != value {
			t.Errorf("bound %q: %q, %v", value, got, err)
		}
	}
	var sum uint64
	var at time.Time
	ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{
		"list": "[1,2,3]", "at": "2026-01-02 03:04:05.678", "s": `it\'s`,
	}))
	err := c.QueryRow(ctx, "SELECT arraySum({list:Array(UInt64)}), {at:DateTime64(3, 'UTC')}").Scan(&sum, &at)
	if err != nil || sum != 6 || !at.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)) {
		t.Error(sum, at, err)
	}
}

// An asynchronous INSERT carries its rows in the text.
func TestDriverRowsInTheText(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, nil, nil)
	table := p.table(t, "t", "s String, n UInt64")
	ctx := clickhouse.Context(t.Context(), clickhouse.WithAsync(true))
	if err := c.Exec(ctx, "INSERT INTO "+table+" VALUES (?, ?), ('b', 2)", "a\n\nDROP TABLE "+table, 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(t.Context(), "INSERT INTO "+table+" SELECT 'values', 3"); err != nil {
		t.Fatal(err)
	}
	if got := p.must(t, "SELECT groupArray(n) FROM (SELECT * FROM "+table+" ORDER BY n)"); got != "[1,2,3]" {
		t.Error(got)
	}
}

func TestDriverErrors(t *testing.T) {
	p := serve(t, guards{})
	for name, compression := range compressions {
		c := p.driver(t, compression, clickhouse.Settings{"enable_http_compression": 1})
		for sql, want := range map[string]int{
			"SELECT * FROM nowhere":            60,
			"SELEC 1":                          62,
			"SELECT 1 FROM a b c d":            62,
			"":                                 62,
			"SELECT toUInt8('x')":              6,
			"SELECT no_such_column":            47,
			"SELECT * FROM no_such_database.t": 81,
			"SELECT sleepEachRow(0.02) FROM numbers(1000) SETTINGS max_execution_time = 0.1, max_block_size = 2": 159,
			"SELECT throwIf(1)":                                  395,
			"SELECT 1 INTO OUTFILE '/tmp/x'":                     intoOutfile,
			"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV": notImplemented,
			"SELECT {missing:String}":                            456,
		} {
			rows, err := c.Query(t.Context(), sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			if code(err) != want {
				t.Errorf("%s: %s: %v, want %d", name, sql, err, want)
			}
		}
	}
}

// A setting holds for the request that brings it.
func TestDriverSettings(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, nil, nil)
	const sql = "SELECT count() FROM (SELECT number FROM numbers(1000000))"
	limited := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_rows_to_read": 1000}))
	var n uint64
	if err := c.QueryRow(limited, sql).Scan(&n); code(err) != 158 {
		t.Error(err)
	}
	if err := c.QueryRow(t.Context(), sql).Scan(&n); err != nil || n != 1_000_000 {
		t.Error(n, err)
	}
	if err := c.Exec(t.Context(), "SET max_rows_to_read = 1000"); err != nil {
		t.Error(err)
	}
	if err := c.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Error("SET outlives its request:", err)
	}
	readonly := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"readonly": 1}))
	if err := c.Exec(readonly, "CREATE TABLE "+p.database+".x (a Int8) ENGINE = Memory"); code(err) != 164 {
		t.Error(err)
	}
	wrong := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": "many"}))
	if err := c.Exec(wrong, "SELECT 1"); code(err) != badArguments {
		t.Error(err)
	}
}

// Statements that begin like a SELECT, and may not be streamed.
func TestDriverForms(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, nil, nil)
	table := p.table(t, "t", "n UInt64")
	if err := c.Exec(t.Context(), "WITH 7 AS x INSERT INTO "+table+" SELECT x"); err != nil {
		t.Error(err)
	}
	for sql, want := range map[string]uint64{
		"SELECT n FROM " + table:                            7,
		"FROM " + table + " SELECT n + 1":                   8,
		"(SELECT 3::UInt64) UNION ALL SELECT 4 WHERE 0":     3,
		"WITH t AS (SELECT 5::UInt64 AS a) SELECT a FROM t": 5,
		"/* ' */ -- \"\n SELECT 6::UInt64 -- ;":             6,
		"SELECT 2::UInt64 SETTINGS max_threads = 1;":        2,
	} {
		var got uint64
		if err := c.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, %v", sql, got, err)
		}
	}
}

func TestDriverEmptyResults(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, nil, nil)
	var n uint64
	if err := c.QueryRow(t.Context(), "SELECT number FROM numbers(10) WHERE number > 10").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
		t.Error(err)
	}
	var many []struct {
		N uint64 `ch:"number"`
	}
	if err := c.Select(t.Context(), &many, "SELECT number FROM numbers(0)"); err != nil || len(many) != 0 {
		t.Error(many, err)
	}
}

// A result larger than one block, by many at once.
func TestDriverLongResults(t *testing.T) {
	p := serve(t, guards{})
	c := p.driver(t, compressions["lz4"], nil)
	failed := make(chan error, 12)
	for range cap(failed) {
		go func() { failed <- sumOf(t.Context(), c) }()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func sumOf(ctx context.Context, c clickhouse.Conn) error {
	rows, err := c.Query(ctx, "SELECT number FROM numbers(500000)")
	if err != nil {
		return err
	}
	defer rows.Close()
	var n, sum uint64
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
		sum += n
	}
	if sum != 124999750000 {
		return fmt.Errorf("sum is %d, %w", sum, rows.Err())
	}
	return rows.Err()
}
