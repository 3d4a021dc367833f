package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
)

// bodyMax bounds what an action may be asked with; a block-list has its own bound.
const bodyMax = 64 << 10

// Handler offers the actions. Serve it on the socket only.
func (s *Service) Handler() http.Handler {
	mux := s.actions()
	mux.HandleFunc("POST /v1/query", s.serveQuery)
	return mux
}

// actions are those that both the socket and the public listener offer.
func (s *Service) actions() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tokens", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.ListTokens(ctx) }))
	mux.HandleFunc("POST /v1/tokens", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in TokenRequest
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.CreateToken(ctx, in)
	}))
	mux.HandleFunc("DELETE /v1/tokens", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return struct{}{}, s.RevokeToken(ctx, r.FormValue("id"))
	}))
	mux.HandleFunc("GET /v1/subscribers", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.Subscribers(ctx) }))
	mux.HandleFunc("DELETE /v1/subscribers", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return s.RemoveSubscriber(ctx, r.FormValue("key"), r.FormValue("topic"))
	}))
	mux.HandleFunc("POST /v1/subscribers", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in SubscriberChange
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.ChangeSubscriber(ctx, in)
	}))
	mux.HandleFunc("POST /v1/subscribers/replay", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in ReplayRequest
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.Replay(ctx, in)
	}))
	mux.HandleFunc("GET /v1/sources", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		limit, err := number(r.FormValue("limit"))
		if err != nil {
			return nil, err
		}
		offset, err := number(r.FormValue("offset"))
		if err != nil {
			return nil, err
		}
		return s.Sources(ctx, SourcesRequest{Sort: r.FormValue("sort"), Host: r.FormValue("host"), Limit: limit, Offset: offset})
	}))
	mux.HandleFunc("POST /v1/subscribers/links", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return s.Links(ctx, r.FormValue("key"), r.FormValue("topic"))
	}))
	mux.HandleFunc("GET /v1/quarantine", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.ListQuarantine(ctx) }))
	mux.HandleFunc("DELETE /v1/quarantine", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return struct{}{}, s.Release(ctx, r.FormValue("host"))
	}))
	mux.HandleFunc("GET /v1/limits", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.ListLimits(ctx) }))
	mux.HandleFunc("POST /v1/limits", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in Limit
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.SetLimit(ctx, in)
	}))
	mux.HandleFunc("DELETE /v1/limits", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return struct{}{}, s.RemoveLimit(ctx, r.FormValue("domain"))
	}))
	mux.HandleFunc("GET /v1/allowed", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.ListAllowed(ctx) }))
	mux.HandleFunc("POST /v1/allowed", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in Allowed
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.Allow(ctx, in)
	}))
	mux.HandleFunc("DELETE /v1/allowed", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return struct{}{}, s.Disallow(ctx, r.FormValue("domain"))
	}))
	mux.HandleFunc("GET /v1/blocks", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.Blocks(ctx) }))
	mux.HandleFunc("POST /v1/blocks", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in BlockRequest
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.AddBlock(ctx, in)
	}))
	mux.HandleFunc("DELETE /v1/blocks", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return struct{}{}, s.RemoveBlock(ctx, r.FormValue("scope"), r.FormValue("key"))
	}))
	mux.HandleFunc("POST /v1/blocks/import", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		q := r.URL.Query()
		return s.ImportBlocks(ctx, BlockListRequest{
			Reason: q.Get("reason"), Note: q.Get("note"), Silenced: q.Get("silenced") == "true", DryRun: q.Get("dry_run") == "true",
		}, r.Body)
	}))
	mux.HandleFunc("GET /v1/blocks/lists", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.Lists(ctx) }))
	mux.HandleFunc("POST /v1/blocks/lists", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in ListRequest
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.SubscribeList(ctx, in)
	}))
	mux.HandleFunc("POST /v1/blocks/lists/refresh", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		var in ListRequest
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.RefreshList(ctx, in)
	}))
	mux.HandleFunc("DELETE /v1/blocks/lists", answer(s, func(ctx context.Context, r *http.Request) (any, error) {
		return s.UnsubscribeList(ctx, r.FormValue("url"), r.FormValue("keep") == "true")
	}))
	mux.HandleFunc("GET /v1/stats", answer(s, func(ctx context.Context, _ *http.Request) (any, error) { return s.Stats(ctx) }))
	return mux
}

func read(r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, bodyMax))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("admin: %w: the request cannot be read: %w", ErrInput, err)
	}
	return nil
}

func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("admin: %w: %q is not a number", ErrInput, text)
	}
	return n, nil
}

// answer runs an action and writes what it returns. The operator gets the whole
// chain of an error.
func answer(s *Service, action func(context.Context, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		result, err := action(r.Context(), r)
		if err != nil {
			status, result = statusOf(err), map[string]string{"error": err.Error()}
			level := slog.LevelDebug // a slip of the operator, who is told
			if status == http.StatusInternalServerError {
				level = slog.LevelError
			}
			s.Log.Log(r.Context(), level, "action failed", "method", r.Method, "path", r.URL.Path, "err", err)
		}
		body, err := json.Marshal(result)
		if err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"error":"admin: the answer cannot be encoded"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n')) // a gone client is no news
	}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrInput):
		return http.StatusBadRequest
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
