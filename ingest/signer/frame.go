package signer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	magic      = "TSG1"
	headSize   = len(magic) + 1
	numberSize = 4
	askSize    = numberSize + sha256.Size
	maxKey     = 8 << 10 // DER of an RSA key of 8192 bits takes 4.6 KB
	maxWorkers = 255
)

var errProtocol = errors.New("signer: what the other side says makes no sense")

// hello is the child's first message.
func hello(workers int, key []byte) []byte {
	return append(append([]byte(magic), byte(workers)), key...)
}

func parseHello(b []byte) (workers int, key []byte, err error) {
	if len(b) <= headSize || len(b) > headSize+maxKey || string(b[:len(magic)]) != magic || b[len(magic)] == 0 {
		return 0, nil, fmt.Errorf("%w: a hello of %d bytes", errProtocol, len(b))
	}
	return int(b[len(magic)]), b[headSize:], nil
}

// question is a message to the child, an answer is one from it: the number, and the digest or the signature.
func question(number uint32, digest [sha256.Size]byte) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, askSize), number)
	return append(b, digest[:]...)
}

func parseAnswer(b []byte, size int) (number uint32, signature []byte, err error) {
	if len(b) != numberSize+size {
		return 0, nil, fmt.Errorf("%w: it has %d bytes", ErrWrong, len(b))
	}
	return binary.BigEndian.Uint32(b), b[numberSize:], nil
}
