package api

import "tributary/ingest"

// pathID is the id in the path. What is none names no record.
func (q *request) pathID() (uint64, error) {
	id, ok := number(q.http.PathValue("id"))
	if !ok || id == 0 {
		return 0, errNotFound
	}
	return id, nil
}

// record is the post that the path names.
func (a *API) record(q *request) (*ingest.Record, error) {
	id, err := q.pathID()
	if err != nil {
		return nil, err
	}
	r, err := a.deps.Queries.Status(q.context(), id)
	if err != nil {
		return nil, err
	}
	if !a.visible(r, ingest.TierLive) {
		return nil, errNotFound
	}
	return r, nil
}

// status is GET /api/v1/statuses/{id}.
func (a *API) status(q *request) error {
	r, err := a.record(q)
	if err != nil {
		return err
	}
	q.body = a.render.AppendJSON(q.body, r)
	return nil
}

// statusContext is GET /api/v1/statuses/{id}/context: threads are not collected.
func (a *API) statusContext(q *request) error {
	if _, err := a.record(q); err != nil {
		return err
	}
	q.body = append(q.body, `{"ancestors":[],"descendants":[]}`...)
	return nil
}
