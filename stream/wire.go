package stream

import (
	"encoding/binary"
	"sync"

	"github.com/gorilla/websocket"
)

// Frames are built here rather than by gorilla/websocket, which writes one
// frame per system call: a server's frames are not masked (RFC 6455 §5.1), so
// one encoding serves every client, and many frames go out in one write.

// frameRoom is the longest header of a server's frame.
const frameRoom = 10

const finText = 0x80 | websocket.TextMessage

// startFrame empties b but for the room of a header.
func startFrame(b []byte) []byte { return append(b[:0], make([]byte, frameRoom)...) }

// finishFrame puts the header before the payload that follows the room, and
// returns the frame, a part of b.
func finishFrame(b []byte) []byte {
	var room [frameRoom]byte
	header := appendHeader(room[:0], len(b)-frameRoom)
	b = b[frameRoom-len(header):]
	copy(b, header)
	return b
}

// appendHeader appends the header of a text frame with n bytes of payload.
func appendHeader(b []byte, n int) []byte {
	switch {
	case n <= 125:
		return append(b, finText, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, finText, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, finText, 127), uint64(n))
}

// appendSmall appends a text frame with at most 64 KiB of payload.
func appendSmall(b []byte, payload func([]byte) []byte) []byte {
	start := len(b)
	b = payload(append(b, finText, 126, 0, 0))
	n := len(b) - start - 4
	if n > 125 {
		binary.BigEndian.PutUint16(b[start+2:], uint16(n))
		return b
	}
	b[start+1] = byte(n)
	return append(b[:start+2], b[start+4:]...)
}

// appendControl appends a control frame (RFC 6455 §5.5). What is longer than a
// control frame's payload may be is cut.
func appendControl(b []byte, opcode int, payload []byte) []byte {
	payload = payload[:min(len(payload), 125)]
	return append(append(b, 0x80|byte(opcode), byte(len(payload))), payload...)
}

// buffers is a pool of byte slices.
type buffers struct{ pool sync.Pool }

// maxPooled keeps one huge post from staying in memory for good.
const maxPooled = 64 << 10

// scratch holds the buffers of encoding, outgoing those of writing. A client
// has one of the latter only while it writes.
var scratch, outgoing buffers

func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, batchBytes)
	return &b
}

func (p *buffers) put(b *[]byte) {
	if cap(*b) > maxPooled {
		return
	}
	*b = (*b)[:0]
	p.pool.Put(b)
}
