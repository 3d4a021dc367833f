package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/ap"
)

// Actor returns an actor: cached, stored, or fetched with a signed GET. The result
// is shared and must not be changed. Its URI is its id, which may differ from uri (a
// profile page, a key document): callers that know whom they expect compare.
func (c *Client) Actor(ctx context.Context, uri string) (*ap.Actor, error) {
	e, err := c.entry(ctx, uri)
	if err != nil {
		return nil, err
	}
	return e.actor, nil
}

// RefreshActor fetches an actor again, whatever is cached, but not more often than
// RefreshEvery: within that time, what is cached is returned.
func (c *Client) RefreshActor(ctx context.Context, uri string) (*ap.Actor, error) {
	e, err := c.refresh(ctx, uri)
	if err != nil {
		return nil, err
	}
	return e.actor, nil
}

// Forget drops what is known about an actor: it was deleted, or says that it changed.
// The error of the database, if any, is logged: the row would only be old.
func (c *Client) Forget(ctx context.Context, uri string) {
	c.cache.drop(uri)
	if err := c.store.remove(ctx, uri); err != nil {
		c.log.WarnContext(ctx, "actor not forgotten", "actor", uri, "err", err)
	}
}

// entry is Actor with the keys.
func (c *Client) entry(ctx context.Context, uri string) (*entry, error) {
	e, failure := c.known(ctx, uri)
	if e != nil && c.now().Sub(e.fetched) < c.cfg.ActorTTL {
		return e, nil
	}
	err := failure
	if err == nil {
		var fresh *entry
		if fresh, err = c.fetchShared(ctx, uri); err == nil {
			c.metrics.found(fromNetwork)
			return fresh, nil
		}
	}
	if e != nil && errors.Is(err, ErrTemporary) && c.now().Sub(e.fetched) < c.cfg.ActorTTL+c.cfg.StaleFor {
		c.metrics.found(fromStale)
		return e, nil
	}
	if failure != nil {
		c.metrics.found(fromNegative)
	} else {
		c.metrics.found(fromNowhere)
	}
	return nil, err
}

// refresh is RefreshActor with the keys.
func (c *Client) refresh(ctx context.Context, uri string) (*entry, error) {
	uri = c.cache.canonical(uri)
	e, failure := c.known(ctx, uri)
	if e != nil && c.now().Sub(e.fetched) < c.cfg.RefreshEvery {
		return e, nil
	}
	if failure != nil {
		c.metrics.found(fromNegative)
		return nil, failure
	}
	e, err := c.fetchShared(ctx, uri)
	if err != nil {
		c.metrics.found(fromNowhere)
		return nil, err
	}
	c.metrics.found(fromNetwork)
	return e, nil
}

// known is what memory and table have of an actor, however old, and the failure that
// is remembered, if any.
func (c *Client) known(ctx context.Context, uri string) (*entry, error) {
	id := c.cache.canonical(uri)
	failure := c.cache.failed(uri, c.now())
	if failure == nil && id != uri {
		failure = c.cache.failed(id, c.now())
	}
	if e, ok := c.cache.actors.Get(id); ok {
		c.countFresh(e, fromMemory)
		return e, failure
	}
	if failure != nil && !errors.Is(failure, ErrTemporary) {
		return nil, failure
	}
	e, goneUntil := c.fromTable(ctx, id)
	if c.now().Before(goneUntil) {
		return nil, c.remember(id, fmt.Errorf("%w: known to be", ErrGone), goneUntil)
	}
	if e != nil {
		c.cache.actors.Add(id, e)
		c.countFresh(e, fromTable)
	}
	return e, failure
}

func (c *Client) countFresh(e *entry, where string) {
	if c.now().Sub(e.fetched) < c.cfg.ActorTTL {
		c.metrics.found(where)
	}
}

// fromTable reads an actor's row: the actor, or until when it counts as gone.
func (c *Client) fromTable(ctx context.Context, uri string) (*entry, time.Time) {
	row, err := c.store.load(ctx, uri)
	if err != nil {
		c.log.WarnContext(ctx, "actor not read", "actor", uri, "err", err)
	}
	switch {
	case row == nil:
		return nil, time.Time{}
	case row.gone:
		return nil, row.fetched.Add(goneTTL)
	}
	actor, err := ap.ParseActor(row.raw)
	if err != nil || actor.URI != uri {
		return nil, time.Time{} // stored by a version that read it differently
	}
	return newEntry(actor, row.fetched), time.Time{}
}

// fetchShared fetches an actor, once for all who ask at the same time. Who waits is counted
// per host, and waits no longer than ctx.
func (c *Client) fetchShared(ctx context.Context, uri string) (*entry, error) {
	u, err := c.parse(uri)
	if err != nil {
		return nil, err
	}
	done, err := c.gate.wait(u.Host)
	if err != nil {
		return nil, err
	}
	defer done()
	result := c.flights.DoChan(uri, func() (any, error) { return c.fetchKnown(uri) })
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errBusy, ctx.Err())
	}
}

// fetchKnown fetches an actor and remembers what came of it. It runs on its own
// goroutine, which Close waits for.
func (c *Client) fetchKnown(uri string) (*entry, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	began := time.Now()
	e, raw, err := c.fetchActor(c.lifetime, uri)
	c.metrics.fetched("actor", err, time.Since(began))
	if err != nil {
		c.log.Debug("actor not fetched", "uri", uri, "err", err)
		return nil, c.fail(uri, err)
	}
	c.cache.put(uri, e)
	if raw != nil {
		c.keep("actor not stored", uri, func(ctx context.Context) error {
			return c.store.save(ctx, e.actor.URI, raw, e.fetched)
		})
	}
	return e, nil
}

// fail remembers a failure for as long as its kind deserves.
func (c *Client) fail(uri string, err error) error {
	now := c.now()
	switch {
	case errors.Is(err, errBusy):
		return err // says nothing of the actor
	case errors.Is(err, ErrTemporary):
		return c.remember(uri, err, now.Add(temporaryTTL))
	case errors.Is(err, ErrGone):
		c.cache.drop(uri)
		c.keep("gone actor not stored", uri, func(ctx context.Context) error {
			return c.store.markGone(ctx, uri, now)
		})
		return c.remember(uri, err, now.Add(goneTTL))
	case errors.Is(err, ErrNotFound):
		c.cache.drop(uri)
		return c.remember(uri, err, now.Add(notFoundTTL))
	}
	return c.remember(uri, err, now.Add(wrongTTL))
}

func (c *Client) remember(uri string, err error, until time.Time) error {
	c.cache.failures.Add(uri, failure{err: err, until: until})
	return err
}

// keep runs a write to the table. That it may take as long as a commit is no matter:
// an actor is met for the first time once.
func (c *Client) keep(failed, uri string, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(c.lifetime, storeTimeout)
	defer cancel()
	if err := write(ctx); err != nil {
		c.log.Warn(failed, "uri", uri, "err", err)
	}
}

// fetchActor fetches the actor that uri names: the document there, or the one that it
// says it is a part of. Raw is nil if that one was known: a GoToSocial key costs one fetch
// after a restart, not two.
func (c *Client) fetchActor(ctx context.Context, uri string) (e *entry, raw []byte, err error) {
	doc, err := c.get(ctx, uri, forActor)
	if err != nil {
		return nil, nil, err
	}
	actor, next, err := readActor(doc)
	if err == nil && next != "" {
		if known, _ := c.known(ctx, next); known != nil && c.now().Sub(known.fetched) < c.cfg.ActorTTL {
			return known, nil, nil
		}
		if doc, err = c.get(ctx, next, forActor); err != nil {
			return nil, nil, err
		}
		if actor, next, err = readActor(doc); err == nil && next != "" {
			err = fmt.Errorf("%w: the document of %.100q is not its own", ErrMismatch, uri)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return newEntry(actor, c.now()), doc.raw, nil
}

// readActor reads the actor in a document, or says where else to look: at the id, if
// that is not where the document came from (FEDERATION.md, What is taken), else at a key's owner.
func readActor(doc document) (actor *ap.Actor, next string, err error) {
	h, err := peek(doc.raw)
	switch {
	case err != nil:
		return nil, "", err
	case h.id != "" && !names(h.id, doc.url):
		return nil, h.id, nil
	case h.is("Tombstone"):
		return nil, "", fmt.Errorf("%w: Tombstone", ErrGone)
	}
	actor, err = ap.ParseActor(doc.raw)
	switch {
	case errors.Is(err, ap.ErrTombstone):
		return nil, "", fmt.Errorf("%w: %w", ErrGone, err)
	case err != nil && h.owner != "" && !names(h.owner, doc.url):
		return nil, h.owner, nil
	case err != nil:
		return nil, "", fmt.Errorf("%w: %w", ErrMalformed, err)
	case !names(actor.URI, doc.url):
		return nil, "", fmt.Errorf("%w: %.100q came from %.100q", ErrMismatch, actor.URI, doc.url)
	}
	return actor, "", nil
}
