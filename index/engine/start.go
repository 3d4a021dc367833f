package engine

import (
	"context"

	"tributary/ingest/child"
)

// Start runs the engine as a supervised child: our own binary, with the arguments of `tributary engine`. If it cannot
// run because something is not installed, it returns ErrNotInstalled at once, in one line that says what to do;
// whatever happens later is logged, and the child started again. Wait for Ready; go on without the index meanwhile.
func Start(ctx context.Context, o Options, metrics *child.Metrics) (*child.Process, error) {
	o.applyDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if _, _, err := Find(o.Library, o.Binary); err != nil {
		return nil, err
	}
	return child.Start(ctx, child.Spec{Name: "engine", Args: o.args(), Log: o.Log, Metrics: metrics})
}
