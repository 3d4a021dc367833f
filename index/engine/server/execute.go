package server

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"tributary/index/engine/chdb"
)

// check refuses what is not one statement: the library runs every statement of a text, the first ones before it finds a
// mistake in a later one. It reports whether the statement only reads.
func check(conn *chdb.Conn, st *statement) (reads bool, err error) {
	text := st.text
	if st.insert {
		text += " FORMAT " + st.format
	}
	a := conn.Classify(text)
	switch {
	case a.Statements == 0:
		return false, mistake(conn, text)
	case a.Statements > 1:
		return false, refuse(syntaxError, "Syntax error (Multi-statements are not allowed): %d statements", a.Statements)
	case a.Class != chdb.ReadOnly:
		st.stream = false // WITH … INSERT
	}
	return a.Class == chdb.ReadOnly, nil
}

// mistake asks the engine's parser what is wrong with a text.
func mistake(conn *chdb.Conn, text string) error {
	r, err := conn.Query(chdb.Statement{
		SQL: "SELECT formatQuery({text:String})", Format: "Null", Params: []chdb.Param{{Name: "text", Value: escape(text)}},
	})
	if err != nil {
		return err
	}
	r.Free()
	return refuse(syntaxError, "Syntax error")
}

// stream sends a result block by block.
func stream(conn *chdb.Conn, q *request, st statement, out *output) error {
	rows, err := conn.Stream(chdb.Statement{SQL: st.text, Format: q.format, Params: q.params})
	if err != nil {
		return err
	}
	defer rows.Close()
	for {
		piece, err := rows.Next()
		if piece == nil || err != nil {
			return err
		}
		_, err = out.Write(piece.Bytes())
		piece.Free()
		if err != nil {
			return err
		}
	}
}

// query sends a result when it is complete: of statements that do not stream.
func query(conn *chdb.Conn, q *request, st statement, out *output) error {
	r, err := conn.Query(chdb.Statement{SQL: st.text, Format: q.format, Params: q.params})
	if err != nil {
		return err
	}
	defer r.Free()
	_, err = out.Write(r.Bytes())
	return err
}

// pieceSize is how much of an INSERT's data is handed over at once, in bytes.
const pieceSize = 1 << 20

// pieces are used again: as garbage they would be most of what there is.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// insert hands the data over as it comes and commits at its end; a body that is cut off is not committed.
func insert(conn *chdb.Conn, q *request, st statement, data io.Reader) error {
	i, err := conn.Insert(chdb.Statement{SQL: st.text, Format: st.format, Params: q.params})
	if err != nil {
		return err
	}
	defer i.Close()
	piece, _ := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	buffer := piece[:]
	for {
		n, end := fill(data, buffer)
		if end != nil && !errors.Is(end, io.EOF) {
			return refuse(networkError, "reading the data: %s", end)
		}
		if err := i.Append(buffer[:n]); err != nil {
			// The reason stands in the result, if it is one of the statement.
			if reason := i.Commit(); reason != nil {
				return reason
			}
			return fmt.Errorf("engine: handing the data over: %w", err)
		}
		if end != nil {
			return i.Commit()
		}
	}
}

// fill reads until the buffer is full. Unlike io.ReadFull it tells a body that ended from one that was cut off.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return n, err
}

// escape writes a value as the engine reads that of a String parameter: as in TabSeparated.
func escape(value string) string {
	return escapes.Replace(value)
}

var escapes = strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r", "\x00", "\\0", "\b", "\\b", "\f", "\\f")
