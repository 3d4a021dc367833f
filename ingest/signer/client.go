package signer

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"
)

// Patience is how long a signature may take. It takes a third of a millisecond, and a few of them wait
// for each other; the rest is for a machine that has other work.
const Patience = 500 * time.Millisecond

// startPatience is how long the first signature of a child may take: it is started meanwhile.
const startPatience = 10 * time.Second

// Why there is no signature. Who asked makes it in Go.
var (
	ErrNoChild = errors.New("signer: there is no process that signs now")
	ErrSlow    = errors.New("signer: no answer in time")
	ErrWrong   = errors.New("signer: an answer is not the signature that was asked for")
)

// Client asks the running child for signatures. It may be used by many goroutines.
type Client struct {
	key     *rsa.PrivateKey
	der     []byte
	workers int
	log     *slog.Logger
	line    atomic.Pointer[line] // to a child that has proved itself; nil while there is none
}

// NewClient makes one that hands each child the key, and has it make as many signatures at once as there are workers.
func NewClient(key *rsa.PrivateKey, workers int, log *slog.Logger) (*Client, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("signer: a key that cannot be handed over: %w", err)
	}
	if len(der) > maxKey {
		return nil, fmt.Errorf("signer: a key that cannot be handed over: %d bytes", len(der))
	}
	return &Client{key: key, der: der, workers: min(max(workers, 1), maxWorkers), log: log}, nil
}

// Sign makes the signature of a SHA-256 digest, RSA with PKCS#1 v1.5. It is a signature.Remote.
func (c *Client) Sign(digest [sha256.Size]byte) ([]byte, error) {
	l := c.line.Load()
	if l == nil {
		return nil, ErrNoChild
	}
	return l.sign(digest, Patience)
}

// Talk is the whole talk with one child (child.Spec): it hands the key over, tries the child, and lets Sign ask it until
// it ends or fails. Nil is the child's end.
func (c *Client) Talk(conn net.Conn) error {
	l := newLine(conn, &c.key.PublicKey)
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.fail(l.read())
	}()
	if _, err := conn.Write(hello(c.workers, c.der)); err != nil {
		l.fail(errEnded)
	} else if err := c.try(l); err != nil {
		l.fail(err)
	} else {
		c.line.Store(l)
		c.log.Info("signatures are made by libcrypto", "workers", c.workers)
	}
	<-over
	c.line.CompareAndSwap(l, nil)
	if reason := l.reason(); !errors.Is(reason, errEnded) {
		return reason
	}
	return nil
}

// try compares one signature with Go's: there is just one right one.
func (c *Client) try(l *line) error {
	var digest [sha256.Size]byte
	_, _ = rand.Read(digest[:])
	want, err := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, digest[:])
	if err != nil {
		return fmt.Errorf("signer: %w", err)
	}
	got, err := l.sign(digest, startPatience)
	if err == nil && !bytes.Equal(got, want) {
		err = ErrWrong
	}
	return err
}
