package chdb

// Stream is a running SELECT. Close it before its Conn.
type Stream struct {
	conn   *Conn
	result *Result
	over   bool
}

// Stream begins a statement whose result is fetched in pieces. It refuses a text of several statements.
func (c *Conn) Stream(s Statement) (*Stream, error) {
	r, err := c.lib.result(c.call(c.lib.streamQuery, s))
	if err != nil {
		return nil, err
	}
	return &Stream{conn: c, result: r}, nil
}

// Next returns the next piece, of about a megabyte, which the caller frees; nil at the end.
func (s *Stream) Next() (*Result, error) {
	if s.over {
		return nil, nil
	}
	lib := s.conn.lib
	piece, err := lib.result(lib.fetch(s.conn.raw(), s.result.handle))
	if err != nil {
		s.over = true
		return nil, err
	}
	if len(piece.Bytes()) == 0 {
		s.over = true
		piece.Free()
		return nil, nil
	}
	return piece, nil
}

// Close ends the statement, if it still runs. It may be called twice.
func (s *Stream) Close() {
	if s.result.handle == nil {
		return
	}
	if !s.over {
		s.conn.lib.cancelQuery(s.conn.raw(), s.result.handle)
		s.over = true
	}
	s.result.Free()
}
