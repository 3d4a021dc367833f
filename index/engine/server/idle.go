package server

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"tributary/index/engine/chdb"
)

// session is one of the engine's, with the settings, the database and the roles that a request wants.
type session struct {
	conn *chdb.Conn
	tag  string // its log_comment
	like string // what it was opened with
}

// idle are sessions whose last statement only read and did not fail, and which are therefore as they were
// opened. Opening one costs as much as a small statement. At most as many are kept as may run at once: those
// that were used last.
type idle struct {
	mu   sync.Mutex
	kept []*session // in the order of their last use
	most int
	last atomic.Int64 // number of the newest session
}

// open returns a session that no other request has.
func (s *Server) open(q *request) (*session, error) {
	like := fmt.Sprintf("%q", [][]string{{q.database}, q.settings, q.roles})
	if kept := s.idle.take(like); kept != nil {
		return kept, nil
	}
	tag := "request-" + strconv.FormatInt(s.idle.last.Add(1), 10)
	conn, err := s.engine.Connect(append(append(sessionArgs[:len(sessionArgs):len(sessionArgs)], "--log_comment="+tag), q.settings...)...)
	if err != nil {
		return nil, refuse(badArguments, "no session: a setting has a wrong value, or there is no memory left")
	}
	if err := prepare(conn, q); err != nil {
		conn.Close()
		return nil, err
	}
	return &session{conn: conn, tag: tag, like: like}, nil
}

func (i *idle) take(like string) *session {
	i.mu.Lock()
	defer i.mu.Unlock()
	for at := len(i.kept) - 1; at >= 0; at-- {
		if s := i.kept[at]; s.like == like {
			i.kept = append(i.kept[:at], i.kept[at+1:]...)
			return s
		}
	}
	return nil
}

func (i *idle) put(s *session) {
	i.mu.Lock()
	i.kept = append(i.kept, s)
	var over *session
	if len(i.kept) > i.most {
		over, i.kept = i.kept[0], append(i.kept[:0], i.kept[1:]...)
	}
	i.mu.Unlock()
	if over != nil {
		over.conn.Close()
	}
}

func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range i.kept {
		s.conn.Close()
	}
	i.kept = nil
}
