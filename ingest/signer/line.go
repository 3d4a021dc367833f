package signer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// verifyEvery is how many answers there are to one that is verified.
const verifyEvery = 64

// errEnded says that the child closed its end: it has ended, and why is known elsewhere.
var errEnded = errors.New("signer: the process that signs has ended")

// line is the talk with one child. It fails once, and for good.
type line struct {
	conn net.Conn
	key  *rsa.PublicKey

	mu    sync.Mutex
	last  uint32                 // number given
	asked map[uint32]chan []byte // who waits for an answer; closed when the line fails
	why   error                  // it failed
}

func newLine(conn net.Conn, key *rsa.PublicKey) *line {
	return &line{conn: conn, key: key, asked: map[uint32]chan []byte{}}
}

// sign asks for a signature. Who does not get it in time ends the line for everybody.
func (l *line) sign(digest [sha256.Size]byte, patience time.Duration) ([]byte, error) {
	number, answer, err := l.ask(digest)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var value []byte
	select {
	case value = <-answer:
	case <-timer.C:
		l.fail(fmt.Errorf("%w, which is %s", ErrSlow, patience))
		value = <-answer // it may have come just now
	}
	if value == nil {
		return nil, l.reason()
	}
	if number%verifyEvery == 0 && rsa.VerifyPKCS1v15(l.key, crypto.SHA256, digest[:], value) != nil {
		l.fail(ErrWrong)
		return nil, ErrWrong
	}
	return value, nil
}

func (l *line) ask(digest [sha256.Size]byte) (number uint32, answer <-chan []byte, err error) {
	waits := make(chan []byte, 1)
	l.mu.Lock()
	if l.why != nil {
		l.mu.Unlock()
		return 0, nil, l.why
	}
	l.last++
	number = l.last
	l.asked[number] = waits
	l.mu.Unlock()

	if _, err := l.conn.Write(question(number, digest)); err != nil {
		l.fail(errEnded)
	}
	return number, waits, nil
}

// read hands answers to who waits for them until the line fails.
func (l *line) read() error {
	b := make([]byte, batch*(numberSize+l.key.Size())+1)
	for {
		n, err := l.conn.Read(b)
		if err != nil {
			return errEnded
		}
		answers, err := parseAnswers(b[:n], l.key.Size())
		if err != nil {
			return err
		}
		for number, signature := range answers {
			waits := l.answered(number)
			if waits == nil {
				return fmt.Errorf("%w: nobody asked for number %d", ErrWrong, number)
			}
			waits <- bytes.Clone(signature)
		}
	}
}

// answered says who waits for an answer, once; nil: nobody.
func (l *line) answered(number uint32) chan<- []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits := l.asked[number]
	delete(l.asked, number)
	return waits
}

// fail ends the line, whoever says so first. All who wait are told.
func (l *line) fail(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return
	}
	l.why = why
	l.conn.Close()
	for number, waits := range l.asked {
		delete(l.asked, number)
		close(waits)
	}
}

func (l *line) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}
