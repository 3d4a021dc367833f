package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"tributary/index/engine/chdb"
)

// Server is ClickHouse's HTTP interface over an engine.
type Server struct {
	engine   *chdb.Engine
	version  string          // of ClickHouse
	settings map[string]bool // that a session can have
	sessions chan struct{}   // holds one for each session that runs
	idle     idle
	killer   killer
	log      *slog.Logger
	off      guards

	credentials *Credentials // nil: none are demanded
}

// guards switches guards off, to let a test show the fault that each is there for.
type guards struct {
	data, count, kill, within, revision, settings bool
}

// sessionArgs make a session that of a server: libchdb has conveniences of its own (a typing
// error such as SELEC 1 is an expression with an alias; functions that read the program's debug information).
var sessionArgs = []string{"--implicit_select=0", "--allow_introspection_functions=0"}

// newServer asks the engine what it is. At most sessions statements run at once.
func newServer(engine *chdb.Engine, sessions int, log *slog.Logger) (*Server, error) {
	conn, err := engine.Connect(sessionArgs...)
	if err != nil {
		return nil, err
	}
	s := &Server{
		engine: engine, settings: map[string]bool{}, sessions: make(chan struct{}, sessions), log: log,
		killer: killer{conn: conn}, idle: idle{most: sessions},
	}
	if s.version, err = ask(conn, "SELECT version()"); err != nil {
		return nil, err
	}
	known, err := ask(conn, "SELECT name FROM system.settings")
	if err != nil {
		return nil, err
	}
	for name := range strings.FieldsSeq(known) {
		s.settings[name] = true
	}
	return s, nil
}

// close ends what newServer began. No request may run.
func (s *Server) close() {
	s.idle.close()
	s.killer.conn.Close()
}

func ask(conn *chdb.Conn, sql string) (string, error) {
	r, err := conn.Query(chdb.Statement{SQL: sql, Format: "TabSeparated"})
	if err != nil {
		return "", fmt.Errorf("engine: %s: %w", sql, err)
	}
	defer r.Free()
	return strings.TrimSpace(string(r.Bytes())), nil
}

// ServeHTTP runs the statement of a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case r.URL.Path != "/" && r.URL.Path != "":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("X-ClickHouse-Timezone", "UTC")
	if !s.credentials.given(r) {
		(&output{w: w}).fail(refuse(authenticationFailed, "Authentication failed: password is incorrect, or there is no user with such name"))
		return
	}
	q, err := parseRequest(r, s.known)
	if err != nil {
		(&output{w: w}).fail(err)
		return
	}
	out := newOutput(w, q.encoding)
	out.silent = s.off.within
	defer out.close()
	if err := s.serve(r, q, out); err != nil {
		s.log.Debug("statement failed", "code", asError(err).Code)
		out.fail(err)
	}
}

func (s *Server) known(setting string) bool { return s.off.settings || s.settings[setting] }

func (s *Server) serve(r *http.Request, q *request, out *output) error {
	body, err := openBody(q, r)
	if err != nil {
		return err
	}
	statement, data, err := s.read(q, body)
	if err != nil {
		return err
	}
	if isHello(q, statement.text) && !s.off.revision {
		_, err := out.Write(hello(q.revision, "embedded", s.version))
		return err
	}
	select {
	case s.sessions <- struct{}{}:
		defer func() { <-s.sessions }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	return s.session(r.Context(), q, statement, data, out)
}

func (s *Server) read(q *request, body io.Reader) (statement, io.Reader, error) {
	if s.off.data {
		text, err := io.ReadAll(body)
		return statement{text: q.query + "\n" + string(text)}, nil, err
	}
	return readStatement(q, body)
}

// session runs a statement in a session that nobody else uses meanwhile. What it sets ends with it: only one
// whose statement reads is kept for another.
func (s *Server) session(ctx context.Context, q *request, st statement, data io.Reader, out *output) (err error) {
	with, err := s.open(q)
	if err != nil {
		return err
	}
	reads := false
	defer func() {
		if reads && err == nil {
			s.idle.put(with)
		} else {
			with.conn.Close()
		}
	}()
	conn := with.conn
	if !s.off.count {
		if reads, err = check(conn, &st); err != nil {
			return err
		}
	}
	if !s.off.kill {
		defer s.killer.watch(ctx, with.tag)()
	}
	switch {
	case st.insert:
		return insert(conn, q, st, data)
	case st.stream && q.format == "Native":
		return stream(conn, q, st, out)
	}
	return query(conn, q, st, out)
}

// prepare brings a session where the request wants it.
func prepare(conn *chdb.Conn, q *request) error {
	var begin []string
	if q.database != "" {
		begin = append(begin, "USE "+quoteName(q.database))
	}
	if len(q.roles) > 0 {
		names := make([]string, len(q.roles))
		for i, role := range q.roles {
			names[i] = quoteName(role)
		}
		begin = append(begin, "SET ROLE "+strings.Join(names, ", "))
	}
	for _, sql := range begin {
		r, err := conn.Query(chdb.Statement{SQL: sql, Format: "Null"})
		if err != nil {
			return err
		}
		r.Free()
	}
	return nil
}

func quoteName(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
