package stream

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine of ours is left. kafka-go's idle connections are the test log's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/segmentio/kafka-go.(*conn).run"),
		goleak.IgnoreAnyFunction("github.com/segmentio/kafka-go.(*connPool).discover"),
	)
}
