package index

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Query runs a statement of the operator's and writes its result to w as "table",
// "json" (an object a line) or "csv" (a header and the rows). It has the bounds of
// every other question, no more than 20,000 rows among them, and no other guard:
// it is for the operator only.
func (x *Index) Query(ctx context.Context, sql, format string, w io.Writer) error {
	out, err := newResultWriter(format, w)
	if err != nil {
		return err
	}
	ctx, cancel := asking(ctx)
	defer cancel()
	rows, err := x.conn.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("index: query: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	if err := writeRows(rows, out); err != nil {
		return fmt.Errorf("index: query: %w", err)
	}
	return nil
}

func writeRows(rows driver.Rows, out resultWriter) error {
	names, types := rows.Columns(), rows.ColumnTypes()
	if err := out.head(names); err != nil {
		return err
	}
	for rows.Next() {
		values := make([]any, len(types))
		for i, t := range types {
			values[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return err
		}
		for i := range values {
			values[i] = reflect.ValueOf(values[i]).Elem().Interface()
		}
		if err := out.row(names, values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.end()
}

// resultWriter writes rows in a format.
type resultWriter interface {
	head(names []string) error
	row(names []string, values []any) error
	end() error
}

func newResultWriter(format string, w io.Writer) (resultWriter, error) {
	switch format {
	case "", "table":
		return tableWriter{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}, nil
	case "json":
		return jsonWriter{bufio.NewWriter(w)}, nil
	case "csv":
		return csvWriter{csv.NewWriter(w)}, nil
	}
	return nil, fmt.Errorf("index: query: no format %q: table, json or csv", format)
}

type tableWriter struct{ w *tabwriter.Writer }

func (t tableWriter) head(names []string) error { return t.line(names) }

func (t tableWriter) row(_ []string, values []any) error { return t.line(texts(values)) }

func (t tableWriter) line(cells []string) error {
	for i, c := range cells {
		if i > 0 {
			c = "\t" + c
		}
		if _, err := io.WriteString(t.w, c); err != nil {
			return err
		}
	}
	_, err := io.WriteString(t.w, "\n")
	return err
}

func (t tableWriter) end() error { return t.w.Flush() }

type csvWriter struct{ w *csv.Writer }

func (c csvWriter) head(names []string) error { return c.w.Write(names) }

func (c csvWriter) row(_ []string, values []any) error { return c.w.Write(texts(values)) }

func (c csvWriter) end() error {
	c.w.Flush()
	return c.w.Error()
}

func texts(values []any) []string {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = fmt.Sprint(v)
	}
	return cells
}

type jsonWriter struct{ w *bufio.Writer }

func (j jsonWriter) head([]string) error { return nil }

// row keeps the order of the columns, which a map would not.
func (j jsonWriter) row(names []string, values []any) error {
	line := []byte{'{'}
	for i, name := range names {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(values[i])
		if err != nil {
			return err
		}
		if i > 0 {
			line = append(line, ',')
		}
		line = append(append(append(line, key...), ':'), value...)
	}
	_, err := j.w.Write(append(line, '}', '\n'))
	return err
}

func (j jsonWriter) end() error { return j.w.Flush() }
