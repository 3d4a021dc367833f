package stream

import "net/http"

// admit gives a request a place and lets connect turn it into a client, which is
// served then. What it returns was not answered yet. connect answers: without a
// client and a refusal it has, or the connection broke.
func (s *Server) admit(r *http.Request, connect func() (*client, *refusal)) *refusal {
	address := network(s.cfg.ClientIP(r))
	if f := s.reserve(address); f != nil {
		return f
	}
	c, f := connect()
	if f != nil || c == nil {
		s.release(address)
		return f
	}
	c.address = address
	if !s.join(c) {
		c.say(endShutdown)
		_ = c.conn.Close()
		s.release(address)
		s.metrics.closed(endShutdown.reason)
	}
	return nil
}
