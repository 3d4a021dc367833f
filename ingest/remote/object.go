package remote

import (
	"context"
	"fmt"
	"time"
)

// Object fetches a document with a signed GET and returns it as it came. It is not cached.
// Its id, which every parser finds as one and the same, is the URL that it came from
// in the end, if necessary after one more fetch from that id (FEDERATION.md, What is taken); it may
// differ from uri, so callers take the id from the document. A Tombstone is ErrGone.
func (c *Client) Object(ctx context.Context, uri string) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.lifetime, cancel)()

	began := time.Now()
	raw, err := c.object(ctx, uri)
	c.metrics.fetched("object", err, time.Since(began))
	return raw, err
}

func (c *Client) object(ctx context.Context, uri string) ([]byte, error) {
	doc, next, err := c.getObject(ctx, uri)
	if err == nil && next != "" {
		if doc, next, err = c.getObject(ctx, next); err == nil && next != "" {
			err = fmt.Errorf("%w: the document of %.100q is not its own", ErrMismatch, uri)
		}
	}
	if err != nil {
		return nil, err
	}
	return doc.raw, nil
}

// getObject fetches a document; next is its id, if it came from elsewhere.
func (c *Client) getObject(ctx context.Context, uri string) (doc document, next string, err error) {
	if doc, err = c.get(ctx, uri, forObject); err != nil {
		return doc, "", err
	}
	h, err := peek(doc.raw)
	switch {
	case err != nil:
		return doc, "", err
	case h.id == "":
		return doc, "", fmt.Errorf("%w: no id", ErrMalformed)
	case !names(h.id, doc.url):
		return doc, h.id, nil
	case h.is("Tombstone"):
		return doc, "", fmt.Errorf("%w: Tombstone", ErrGone)
	}
	return doc, "", nil
}
