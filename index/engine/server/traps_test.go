package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/index/engine/chdb"
)

// Each test here shows a fault of the library with the guard off, and that the guard holds it.
func withAndWithout(t *testing.T, off guards, f func(t *testing.T, guarded bool, p *peer)) {
	t.Run("guarded", func(t *testing.T) { f(t, true, serve(t, guards{})) })
	t.Run("bare", func(t *testing.T) { f(t, false, serve(t, off)) })
}

// A line of a post could be a statement.
func TestBlankLineInDataIsData(t *testing.T) {
	withAndWithout(t, guards{data: true, count: true}, func(t *testing.T, guarded bool, p *peer) {
		posts, victim := p.table(t, "posts", "text String"), p.table(t, "victim", "a Int32")
		a := p.post(t, url.Values{"query": {"INSERT INTO " + posts + " FORMAT TSV"}}, strings.NewReader("one\n\nDROP TABLE "+victim))
		there := p.must(t, "EXISTS TABLE "+victim) == "1"
		if there != guarded {
			t.Fatalf("victim is there: %v; %+v", there, a)
		}
		if !guarded {
			return
		}
		if got := p.must(t, "SELECT groupArray(text) FROM (SELECT * FROM "+posts+" ORDER BY text)"); got != "['','DROP TABLE "+victim+"','one']" {
			t.Error(got)
		}
	})
}

// The same within an INSERT with VALUES, and with data in the address.
func TestBlankLineInEveryPlace(t *testing.T) {
	p := serve(t, guards{})
	posts, victim := p.table(t, "posts", "text String"), p.table(t, "victim", "a Int32")
	drop := "\n\nDROP TABLE " + victim + "\n"
	for name, request := range map[string][2]string{
		"body":           {"", "INSERT INTO " + posts + " FORMAT TSV\na" + drop},
		"address":        {"INSERT INTO " + posts + " FORMAT TSV\na" + drop, ""},
		"both":           {"INSERT INTO " + posts, "FORMAT TSV\na" + drop},
		"values":         {"", "INSERT INTO " + posts + " VALUES ('a')" + drop},
		"in a value":     {"", "INSERT INTO " + posts + " VALUES ('a" + drop + "')"},
		"columns":        {"", "INSERT INTO TABLE " + posts + " (text) SETTINGS async_insert = 0 FORMAT TSV\na" + drop},
		"comment":        {"", "/* ' */ INSERT -- VALUES\n INTO " + posts + " FORMAT TSV\na" + drop},
		"input":          {"", "INSERT INTO " + posts + " SELECT * FROM input('a String') FORMAT TSV\na" + drop},
		"explain":        {"", "EXPLAIN INSERT INTO " + posts + " FORMAT TSV\na" + drop},
		"after a SELECT": {"", "INSERT INTO " + posts + " SELECT 'a' FORMAT TSV\na" + drop},
		"with":           {"", "WITH 1 AS x INSERT INTO " + posts + " FORMAT TSV\na" + drop},
		"no format":      {"", "INSERT INTO " + posts + drop},
		"semicolon":      {"", "INSERT INTO " + posts + " FORMAT TSV;\na" + drop},
	} {
		a := p.post(t, url.Values{"query": {request[0]}}, strings.NewReader(request[1]))
		if p.must(t, "EXISTS TABLE "+victim) != "1" {
			t.Fatalf("%s: the data was run: %+v", name, a)
		}
	}
}

// Numbers make the bytes of a blank line: 2570 is 0x0A0A.
func TestLargeNativeBatch(t *testing.T) {
	withAndWithout(t, guards{data: true, count: true}, func(t *testing.T, guarded bool, p *peer) {
		table := p.table(t, "numbers", "n UInt64")
		batch, err := p.driver(t, nil, nil).PrepareBatch(t.Context(), "INSERT INTO "+table)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(3000) {
			if err := batch.Append(n); err != nil {
				t.Fatal(err)
			}
		}
		err = batch.Send()
		got := p.must(t, "SELECT count(), sum(n) FROM "+table)
		if whole := err == nil && got == "3000\t4498500"; whole != guarded {
			t.Errorf("%v, %s", err, got)
		}
	})
}

func TestSeveralStatementsAreRefused(t *testing.T) {
	withAndWithout(t, guards{count: true}, func(t *testing.T, guarded bool, p *peer) {
		victim := p.table(t, "victim", "a Int32")
		for _, text := range []string{
			"DESCRIBE TABLE " + victim + "; DROP TABLE IF EXISTS " + victim,
			"DROP TABLE IF EXISTS " + victim + "; this is no SQL",
			"EXISTS TABLE " + victim + " ;;\n-- more\nDROP TABLE IF EXISTS " + victim,
			"DROP TABLE IF EXISTS " + victim + " PARALLEL WITH DROP TABLE IF EXISTS nothing.nowhere",
		} {
			a := p.post(t, nil, strings.NewReader(text))
			if refused := a.code == "62" && a.status == http.StatusBadRequest && p.must(t, "EXISTS TABLE "+victim) == "1"; refused != guarded {
				t.Errorf("%s: %+v", text, a)
			}
			p.must(t, "CREATE TABLE IF NOT EXISTS "+victim+" (a Int32) ENGINE = MergeTree ORDER BY a")
		}
		if a := p.post(t, nil, strings.NewReader("SELECT 1;; -- one")); a.text != "1\n" {
			t.Errorf("one statement: %+v", a)
		}
	})
}

// The library goes on for a client that has left.
func TestDisconnectEndsTheStatement(t *testing.T) {
	withAndWithout(t, guards{kill: true}, func(t *testing.T, guarded bool, p *peer) {
		const slow = "SELECT count() FROM numbers(1e12) WHERE NOT ignore(sipHash64(number)) SETTINGS max_threads = 1"
		runs := func() bool {
			return p.must(t, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers(1e12)%'") == "1"
		}
		for _, name := range []string{"driver", "plain"} {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan error, 1)
			go func() {
				if name == "driver" {
					over <- p.driver(t, nil, nil).QueryRow(ctx, slow).Err()
					return
				}
				r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/", strings.NewReader(slow))
				res, err := p.client.Do(r)
				if err == nil {
					res.Body.Close()
				}
				over <- err
			}()
			await(t, "the statement", runs)
			cancel()
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", name, err)
			}
			if guarded {
				await(t, "the end of the statement", func() bool { return !runs() })
				continue
			}
			if !runs() {
				t.Fatal("the statement ended by itself")
			}
			p.must(t, "KILL QUERY WHERE query LIKE 'SELECT count() FROM numbers(1e12)%' SYNC")
		}
	})
}

// An error behind the first block must not look like the end of the result.
func TestErrorWithinAResult(t *testing.T) {
	withAndWithout(t, guards{within: true}, func(t *testing.T, guarded bool, p *peer) {
		for name, compression := range compressions {
			c := p.driver(t, compression, clickhouse.Settings{"enable_http_compression": 1, "max_threads": 1})
			rows, err := c.Query(t.Context(), "SELECT throwIf(number = 1500000) FROM numbers(3000000)")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n := 0
			for rows.Next() {
				n++
			}
			if code(rows.Err()) == 395 != guarded || n == 0 {
				t.Errorf("%s: %d rows, %v", name, n, rows.Err())
			}
			rows.Close()
		}
	})
}

// The library's blocks are of revision 0, whatever the client asks for.
func TestHandshakeNamesRevisionZero(t *testing.T) {
	withAndWithout(t, guards{revision: true}, func(t *testing.T, guarded bool, p *peer) {
		err := p.driver(t, nil, nil).Ping(t.Context())
		if (err == nil) != guarded {
			t.Error(err)
		}
	})
}

// The library ignores what it does not know: a limit with a typing error would limit nothing.
func TestUnknownSettingsAreRefused(t *testing.T) {
	withAndWithout(t, guards{settings: true}, func(t *testing.T, guarded bool, p *peer) {
		for _, name := range []string{"max_rowz_to_read", "path", "queries-file", "query_kind", "multiquery"} {
			a := p.post(t, url.Values{name: {"1"}}, strings.NewReader("SELECT 1"))
			if refused := a.status != http.StatusOK; refused != guarded && !strings.Contains(name, "-") {
				t.Errorf("%s: %+v", name, a)
			}
		}
	})
}

// With the library's signal handlers a nil dereference that Go recovers from ends the process.
func TestSignalHandlersAreGo(t *testing.T) {
	needLibrary(t)
	if runtime.GOOS != "linux" {
		t.Skip("ELF only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), self, "part-signals", libraryPath(), t.TempDir(), "disable").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "recovered 20") {
		t.Errorf("%v, %.2000s", err, out)
	}
	// The library's handler ends the process, after five minutes in which it waits for a thread of its own.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	out, _ = exec.CommandContext(ctx, self, "part-signals", libraryPath(), t.TempDir(), "keep").CombinedOutput()
	if strings.Contains(string(out), "recovered") {
		t.Errorf("the guard guards against nothing: %s", out)
	}
}

// signalsPart is a process that opens sessions and recovers from nil dereferences between them.
func signalsPart(library, dir string, keep bool) {
	e, err := chdb.Open(chdb.Options{Library: library, Path: dir, KeepSignals: keep})
	if err != nil {
		panic(err)
	}
	recovered := 0
	for range 20 {
		c, err := e.Connect()
		if err != nil {
			panic(err)
		}
		r, err := c.Query(chdb.Statement{SQL: "SELECT sum(number) FROM numbers(1000)", Format: "TSV"})
		if err != nil {
			panic(err)
		}
		func() {
			defer func() {
				if recover() != nil {
					recovered++
				}
			}()
			var nothing *int
			*nothing++
		}()
		r.Free()
		c.Close()
	}
	println("recovered", recovered)
	e.Close()
}

// A body that is cut off is no end of data: nothing of it may stay.
func TestCutOffDataIsNotCommitted(t *testing.T) {
	p := serve(t, guards{})
	table := p.table(t, "t", "n UInt64")
	body, end := io.Pipe()
	go func() {
		_, _ = end.Write(numbers(50_000).Bytes())
		end.CloseWithError(errors.New("the client fails"))
	}()
	if a := p.post(t, url.Values{"query": {"INSERT INTO " + table + " FORMAT TSV"}}, body); a.err == nil {
		t.Errorf("%+v", a)
	}
	await(t, "end of the INSERT", func() bool {
		return p.must(t, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO "+p.database+"%'") == "0"
	})
	if got := p.must(t, "SELECT count() FROM "+table); got != "0" {
		t.Errorf("%s rows of a body that was cut off", got)
	}
}
