package broker

import (
	"context"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/folder"
)

// Addr is the address that a kafka-go Client of the embedded broker has. Nobody listens
// there: Transport dials the socket instead, and a client without it fails at the name
// (RFC 6761 §6.4).
var Addr = kafka.TCP("broker.invalid:9092")

// Transport makes a transport that reaches the broker behind the socket, for a
// kafka.Client whose Addr is Addr. Close it with CloseIdleConnections.
//
// Use it after the broker was ready once: a transport whose first request for metadata
// fails knows no partition until it asks again, up to MetadataTTL later. Afterwards a
// restarted broker needs nothing: the layout is always the same. Each idle connection
// to a broker that ended costs one failed request.
func Transport(socket string) *kafka.Transport {
	return &kafka.Transport{
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return folder.Dial(ctx, socket)
		},
		ClientID:    "tributary",
		MetadataTTL: 2 * time.Second,
	}
}

// listener says Addr for its address: kfake tells it to clients as that of the leader.
type listener struct{ net.Listener }

func (l listener) Addr() net.Addr { return Addr }
