package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// QueryRequest is a statement of the operator's for the index.
type QueryRequest struct {
	SQL    string `json:"sql"`
	Format string `json:"format"` // table, json or csv
}

// Query runs a statement. The index bounds what comes back, so it is held until
// it is whole: a failure in the middle is told instead of half a table.
func (s *Service) Query(ctx context.Context, r QueryRequest) ([]byte, error) {
	if s.Deps.Query == nil {
		return nil, fmt.Errorf("admin: %w: there is no index", ErrInput)
	}
	var out bytes.Buffer
	if err := s.Deps.Query(ctx, r.SQL, r.Format, &out); err != nil {
		return nil, fmt.Errorf("admin: %w: %w", ErrInput, err)
	}
	return out.Bytes(), nil
}

func (s *Service) serveQuery(w http.ResponseWriter, r *http.Request) {
	var in QueryRequest
	err := read(r, &in)
	var out []byte
	if err == nil {
		out, err = s.Query(r.Context(), in)
	}
	if err != nil {
		answer(s, func(context.Context, *http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(out) // a gone client is no news
}

// Query runs a statement and copies its result to w.
func (c *Client) Query(ctx context.Context, in QueryRequest, w io.Writer) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("admin: encoding the request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/v1/query", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("admin: asking the relay: %w", err)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return decode(resp, nil)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("admin: reading the answer: %w", err)
	}
	return nil
}
