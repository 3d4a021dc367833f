package signer

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
)

// Key is what a worker signs with; each has its own.
type Key interface {
	// Size is the length of a signature.
	Size() int
	// Sign writes the signature of a SHA-256 digest.
	Sign(digest, signature []byte) error
}

// Serve is the child's part of the talk, on the socket fd: it reads the key, opens it for each worker, calls ready, and signs
// until the parent's end is closed, or until it cannot: then the process should end, for others are still at it.
//
// Workers wait for questions in the system, each on a thread, and not in Go: the system wakes one of them for a
// question, where Go's scheduler takes several switches of threads to get there.
func Serve(fd int, open func(der []byte) (Key, error), ready func()) error {
	b := make([]byte, headSize+maxKey+1)
	n, err := receive(fd, b, 0)
	if err != nil {
		return ended(err)
	}
	defer clear(b)
	workers, der, err := parseHello(b[:n])
	if err != nil {
		return err
	}
	keys := make([]Key, workers)
	for i := range keys {
		if keys[i], err = open(der); err != nil {
			return err
		}
	}
	// A thread that is away in the library keeps its right to run Go (its P) as long as another is free. Without a
	// spare one the runtime takes it away during each signature, and gives it back after.
	runtime.GOMAXPROCS(workers + 2)
	ready()
	failed := make(chan error, workers)
	for _, key := range keys {
		go func() { failed <- work(fd, key) }()
	}
	return ended(<-failed)
}

// work answers questions, up to batch of those that wait together.
func work(fd int, key Key) error {
	ask := make([]byte, askSize+1)
	answers := make([]byte, 0, batch*(numberSize+key.Size()))
	for {
		answers = answers[:0]
		for n, err := receive(fd, ask, 0); ; n, err = receive(fd, ask, syscall.MSG_DONTWAIT) {
			if err != nil && len(answers) > 0 && errors.Is(err, syscall.EAGAIN) {
				break
			}
			if err != nil {
				return err
			}
			if answers, err = answer(answers, ask[:n], key); err != nil {
				return err
			}
			if len(answers) == cap(answers) {
				break
			}
		}
		if _, err := syscall.Write(fd, answers); err != nil {
			return fmt.Errorf("signer: answering: %w", err)
		}
		// A goroutine that was not scheduled for 10 ms has run for too long in the runtime's eyes, which then
		// looks every 20 µs whether to interrupt it: a tenth of the processor time of all this.
		runtime.Gosched()
	}
}

// answer appends the answer to a question; there is room for it.
func answer(b, ask []byte, key Key) ([]byte, error) {
	if len(ask) != askSize {
		return nil, fmt.Errorf("%w: a question of %d bytes", errProtocol, len(ask))
	}
	b = append(b, ask[:numberSize]...)
	at := len(b)
	b = b[:at+key.Size()]
	return b, key.Sign(ask[numberSize:], b[at:])
}

// receive reads one message. It waits for it unless the flags say otherwise.
func receive(fd int, b []byte, flags int) (int, error) {
	for {
		n, _, err := syscall.Recvfrom(fd, b, flags)
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, syscall.EINTR):
			return 0, fmt.Errorf("signer: reading: %w", err)
		}
	}
}

// ended takes the end of the talk for no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}
