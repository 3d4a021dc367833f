package signer

import (
	"context"

	"tributary/ingest/child"
)

// Start runs tributary-signer as a supervised child. If it cannot run because something is not installed, it returns
// ErrNotInstalled, in one line that says what; whatever happens later is logged, and the child started again. The Client can
// be asked at once: it says ErrNoChild until the child is there, and whenever it is not.
func Start(ctx context.Context, o Options, metrics *child.Metrics) (*Client, *child.Process, error) {
	binary, err := find(o.Binary)
	if err != nil {
		return nil, nil, err
	}
	version, err := check(ctx, binary, o.Library)
	if err != nil {
		return nil, nil, err
	}
	client, err := NewClient(o.Key, o.Workers, o.Log.With("library", version))
	if err != nil {
		return nil, nil, err
	}
	process, err := child.Start(ctx, child.Spec{Name: "signer", Args: o.args(), Talk: client.Talk, Log: o.Log, Metrics: metrics})
	return client, process, err
}
