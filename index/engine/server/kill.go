package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tributary/index/engine/chdb"
)

// killer ends what runs for a client that has left: the library's calls take no context. A session is found by its
// log_comment, for the library does not let us choose a query_id.
type killer struct {
	mu   sync.Mutex
	conn *chdb.Conn // guarded by mu
}

// killEvery is the pause between two attempts: the statement may not have begun at the first.
const killEvery = 50 * time.Millisecond

// watch kills the session with the tag once ctx ends, until stop is called. stop waits for what it began.
func (k *killer) watch(ctx context.Context, tag string) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		for {
			k.kill(tag)
			select {
			case <-over:
				return
			case <-time.After(killEvery):
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// kill asks for the end of a session's statement and does not wait for it. That fails only if there is none.
func (k *killer) kill(tag string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sql := fmt.Sprintf("KILL QUERY WHERE Settings['log_comment'] = '%s' ASYNC", tag)
	if r, err := k.conn.Query(chdb.Statement{SQL: sql, Format: "Null"}); err == nil {
		r.Free()
	}
}
