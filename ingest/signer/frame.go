package signer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

const (
	magic      = "TSG1"
	headSize   = len(magic) + 1
	numberSize = 4
	askSize    = numberSize + sha256.Size
	maxKey     = 8 << 10 // DER of an RSA key of 8192 bits takes 4.6 KB
	maxWorkers = 255

	// batch is how many answers a message holds at most. What costs is to wake a thread of the other side; each
	// answer later adds a third of a millisecond to the first one's time.
	batch = 4
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

// question is a message to the child: the number, and the digest.
func question(number uint32, digest [sha256.Size]byte) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, askSize), number)
	return append(b, digest[:]...)
}

// parseAnswers cuts a message from the child into answers, each a number and a signature of so many bytes.
func parseAnswers(b []byte, size int) (answers iter.Seq2[uint32, []byte], err error) {
	size += numberSize
	if len(b) == 0 || len(b)%size != 0 || len(b) > batch*size {
		return nil, fmt.Errorf("%w: a message of %d bytes", ErrWrong, len(b))
	}
	return func(yield func(uint32, []byte) bool) {
		for one := range slices.Chunk(b, size) {
			if !yield(binary.BigEndian.Uint32(one), one[numberSize:]) {
				return
			}
		}
	}, nil
}
