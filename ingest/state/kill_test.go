package state

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// writeUntilKilled is the child of TestKill: it prints each number once its Write returned.
func writeUntilKilled(dsn string) {
	db, err := open(context.Background(), dsn, slog.New(slog.DiscardHandler), testMigrations(numbers))
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	first, _ := strconv.Atoi(os.Getenv("STATE_TEST_FIRST"))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := first + w; ; n += 8 {
				if err := db.Write(context.Background(), insert(context.Background(), n)); err != nil {
					fmt.Println("write:", err)
					os.Exit(1)
				}
				fmt.Printf("%d\n", n) // one write to the pipe: whole lines
			}
		})
	}
	wg.Wait()
}

// holdUntilKilled is the child of TestAnotherProcess: it keeps a transaction open.
func holdUntilKilled(dsn string) {
	db, err := open(context.Background(), dsn, slog.New(slog.DiscardHandler), testMigrations(numbers))
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	_ = db.Write(context.Background(), func(*sql.Tx) error {
		fmt.Println("holding")
		select {}
	})
}

// I1: what was acknowledged is there after SIGKILL at any moment, and the database opens at once.
func TestKill(t *testing.T) { both(t, testKill) }

func testKill(t *testing.T, dsn string) {
	acknowledged := map[int]bool{}
	for round, lines := range []int{1, 7, 100, 400, 50} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "STATE_TEST_WRITER="+dsn, "STATE_TEST_FIRST="+strconv.Itoa(round*1_000_000))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(out)
		for i := 0; scanner.Scan(); i++ { // to the end of the pipe: what it said before it died counts
			n, err := strconv.Atoi(scanner.Text())
			if err != nil {
				t.Fatalf("the child said %q", scanner.Text())
			}
			acknowledged[n] = true
			if i+1 == lines {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()

		db := openTest(t, dsn, numbers)
		there := map[int]bool{}
		for _, n := range stored(t, db) {
			there[n] = true
		}
		for n := range acknowledged {
			if !there[n] {
				t.Errorf("round %d: %d was acknowledged and is gone", round, n)
			}
		}
		// At most the transaction under way is there and was not told: eight writers, twice.
		if extra := len(there) - len(acknowledged); extra > 16*(round+1) {
			t.Errorf("round %d: %d rows that nobody was told of", round, extra)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherProcess(t *testing.T) { both(t, testAnotherProcess) }

func testAnotherProcess(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "STATE_TEST_HOLDER="+dsn)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("the child said %q", line)
	}
	patience := `PRAGMA busy_timeout = 10`
	if strings.HasPrefix(dsn, "postgres:") {
		patience = `SET lock_timeout = 10`
	}
	if _, err := db.write.Exec(patience); err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), insert(t.Context(), 1))
	if !errors.Is(err, ErrLocked) {
		t.Errorf("while another process writes: %v", err)
	}
	if got := stored(t, db); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if err := db.Write(t.Context(), insert(t.Context(), 1)); err != nil {
		t.Errorf("after it was killed: %v", err)
	}
}
