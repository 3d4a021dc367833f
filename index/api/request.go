package api

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// request is one request under way, and the answer as far as it is built.
type request struct {
	http   *http.Request // its context ends with the client or Config.Timeout
	params params

	status int    // of the answer; 0 is 200
	body   []byte // JSON, appended to
	header http.Header
}

func (q *request) context() context.Context { return q.http.Context() }

// maxQuery bounds the query string: nothing that a client means is longer.
const maxQuery = 8 << 10

// maxKept is the largest buffer that is used again.
const maxKept = 1 << 20

// serve answers a route: token, turn, handler, answer.
func (a *API) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
		defer cancel()
		buffer := a.buffers.Get().(*[]byte)
		q := &request{http: r.WithContext(ctx), body: (*buffer)[:0], header: w.Header()}

		err := a.run(rt, q)
		code := a.answer(w, rt, q, err)
		a.metrics.answered(rt.name, code, time.Since(began))
		if cap(q.body) <= maxKept {
			*buffer = q.body
			a.buffers.Put(buffer)
		}
	})
}

func (a *API) run(rt route, q *request) (err error) {
	if rt.needs&needsToken != 0 {
		if err := a.authorize(q); err != nil {
			return err
		}
	}
	if len(q.http.URL.RawQuery) > maxQuery {
		return badRequest("the query is longer than %d bytes", maxQuery)
	}
	values, err := url.ParseQuery(q.http.URL.RawQuery)
	if err != nil {
		return badRequest("the query cannot be read")
	}
	q.params = params(values)
	if rt.needs&needsIndex != 0 {
		done, err := a.turn(q.context())
		if err != nil {
			return err
		}
		defer done()
	}
	return rt.handle(a, q)
}

// turn waits until the index may be asked.
func (a *API) turn(ctx context.Context) (done func(), err error) {
	if a.deps.Queries == nil {
		return nil, errIndexOff
	}
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
