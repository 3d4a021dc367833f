package signer

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"tributary/ingest/child/childtest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// socketPair is what ingest/child makes: both ends as descriptors, which shut closes.
func socketPair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Skipf("the child's ends are tried with sockets of Linux: %v", err)
	}
	t.Cleanup(func() {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
	})
	return fds[0], fds[1]
}

// shut ends the talk for both; the descriptor stays until the end of the test, as workers may still read it.
func shut(t *testing.T, fd int) {
	t.Helper()
	if err := syscall.Shutdown(fd, syscall.SHUT_RDWR); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		t.Error(err)
	}
}

func send(t *testing.T, fd int, b []byte) {
	t.Helper()
	if _, err := syscall.Write(fd, b); err != nil {
		t.Error(err)
	}
}

// fake talks with a client as the test wants.
type fake struct {
	*Client
	fd   int
	over chan error // what Talk returned
}

// newFake has a client talk with a child that is made up, up to the first question, which is number 1.
func newFake(t *testing.T) *fake {
	t.Helper()
	client, err := NewClient(testKey(), 1, childtest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := socketPair(t)
	copied, err := syscall.Dup(ours)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(copied), "parent's end")
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	f := &fake{client, theirs, make(chan error, 1)}
	go func() { f.over <- client.Talk(conn) }()
	b := make([]byte, headSize+maxKey+1)
	n, err := receive(f.fd, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if workers, key, err := parseHello(b[:n]); err != nil || workers != 1 || string(key) != string(client.der) {
		t.Fatalf("hello: %d workers, key of %d bytes, %v", workers, len(key), err)
	}
	return f
}

// hear is the next question.
func (f *fake) hear(t *testing.T) (b []byte) {
	t.Helper()
	b = make([]byte, askSize+1)
	n, err := receive(f.fd, b, 0)
	if err != nil || n != askSize {
		t.Fatalf("a question of %d bytes, %v", n, err)
	}
	return b[:n]
}

// right is the right answer to a question.
func right(t *testing.T, ask []byte) []byte {
	t.Helper()
	return append(append([]byte{}, ask[:numberSize]...), bySelf(t, testKey(), [32]byte(ask[numberSize:]))...)
}

func (f *fake) prove(t *testing.T) {
	t.Helper()
	send(t, f.fd, right(t, f.hear(t)))
	childtest.Await(t, "a child that has proved itself", func() bool { return f.line.Load() != nil })
}

// A child whose first answer is not Go's is never used.
func TestUnprovenChildIsNotUsed(t *testing.T) {
	for name, answer := range map[string]func(right []byte) []byte{
		"garbage":      func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"too short":    func(b []byte) []byte { return b[:len(b)-1] },
		"too long":     func(b []byte) []byte { return append(b, 0) },
		"number alone": func(b []byte) []byte { return b[:numberSize] },
		"other number": func(b []byte) []byte { b[0] ^= 1; return b },
	} {
		f := newFake(t)
		send(t, f.fd, answer(right(t, f.hear(t))))
		if err := <-f.over; !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Sign(newDigest()); !errors.Is(err, ErrNoChild) {
			t.Errorf("%s: signing: %v", name, err)
		}
	}
}

// A child that fails later fails all who wait, at once or in a bound, and is left.
func TestFailingChildIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, f *fake, ask []byte)
		want error // of Sign
		over error // of Talk
	}{
		"ends":      {func(t *testing.T, f *fake, _ []byte) { shut(t, f.fd) }, errEnded, nil},
		"too short": {func(t *testing.T, f *fake, ask []byte) { send(t, f.fd, ask[:numberSize]) }, ErrWrong, ErrWrong},
		"unasked": {func(t *testing.T, f *fake, ask []byte) {
			send(t, f.fd, right(t, append([]byte{9, 9, 9, 9}, ask[numberSize:]...)))
		}, ErrWrong, ErrWrong},
		"twice": {func(t *testing.T, f *fake, ask []byte) {
			other := f.hear(t)
			send(t, f.fd, right(t, ask))
			send(t, f.fd, right(t, ask))
			_ = other
		}, ErrWrong, ErrWrong},
		"never": {func(*testing.T, *fake, []byte) {}, ErrSlow, ErrSlow},
	} {
		f := newFake(t)
		f.prove(t)
		errs := make(chan error, 2)
		for range 2 {
			go func() { _, err := f.Sign(newDigest()); errs <- err }()
		}
		c.do(t, f, f.hear(t))
		failed := 0
		for range 2 {
			if err := <-errs; err != nil {
				failed++
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if failed == 0 {
			t.Errorf("%s: nobody was told", name)
		}
		if err := <-f.over; !errors.Is(err, c.over) {
			t.Errorf("%s: the talk: %v", name, err)
		}
		if _, err := f.Sign(newDigest()); !errors.Is(err, ErrNoChild) {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

// Wrong signatures of the right length are found out after verifyEvery of them at the latest.
func TestWrongSignaturesAreFound(t *testing.T) {
	f := newFake(t)
	f.prove(t)
	go func() {
		for range verifyEvery {
			ask := make([]byte, askSize+1)
			n, err := receive(f.fd, ask, 0)
			if err != nil {
				return
			}
			answer := right(t, ask[:n])
			answer[numberSize+5] ^= 1
			send(t, f.fd, answer)
		}
	}()
	var err error
	for range verifyEvery {
		if _, err = f.Sign(newDigest()); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrWrong) {
		t.Errorf("signing: %v", err)
	}
	if err := <-f.over; !errors.Is(err, ErrWrong) {
		t.Errorf("the talk: %v", err)
	}
}
