package relay

import (
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"tributary/ingest/lease"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/relay/delivery"
)

// refreshEvery is how soon a subscription or a block made by another node is
// seen. Those made here are seen at once.
const refreshEvery = 3 * time.Second

// Deps is what the relay works with. All are needed but Known, Log and Registerer.
type Deps struct {
	DB        *state.DB
	Key       *rsa.PrivateKey // the relay actor's, of LoadKey
	Keys      keyring         // *remote.Client
	Admission admitter        // *ingest.Admission
	Next      func() uint64   // seq at which a new lane starts: the tip + 1
	Enqueue   Enqueue         // writes to the outbox, in a transaction
	Wake      func()          // after such a transaction was committed

	// Known reports whether an actor has left a trace here, for the Delete of an
	// actor whose key is gone. nil asks the state database.
	Known func(ctx context.Context, actor string) (bool, error)
	// Alive is told of the host of each actor that signed a request; nil: nobody is. It must be cheap.
	Alive func(ctx context.Context, host string)
	// Software says what the servers of subscribers run; nil: none is asked.
	Software surveyor // *remote.Client
	// Lists fetches the block-lists that the operator subscribes to; nil: none can be.
	Lists      lister        // *remote.Client
	Leases     *lease.Keeper // nil: this node is alone
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Relay is the service actor of one community and everything that other
// servers ask of it.
type Relay struct {
	community     Community
	cfg           Config
	subscriptions *Subscriptions
	blocks        *Blocks
	allowed       *AllowList
	limits        *Limits
	lists         lister // nil: none
	leases        *lease.Keeper
	now           func() time.Time
	quarantine    *Quarantine
	sources       *Sources
	replays       *replays
	inbox         *inbox
	admission     admitter
	links         links
	documents     map[string]http.Handler // pattern of paths → what GET and HEAD answer
	survey        *survey                 // nil: none
	db            *state.DB
	log           *slog.Logger
}

// New reads the subscriptions and blocks and builds the documents. Nothing runs
// until Run, and nothing is served but through Routes.
func New(ctx context.Context, c Community, cfg Config, d Deps) (*Relay, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.applyDefaults()
	d.applyDefaults()
	allowed, err := newAllowList(ctx, d.DB)
	if err != nil {
		return nil, err
	}
	subs, err := newSubscriptions(ctx, d, c, cfg, allowed)
	if err != nil {
		return nil, err
	}
	blocks, err := newBlocks(ctx, d.DB, allowed)
	if err != nil {
		return nil, err
	}
	limits, err := newLimits(ctx, d.DB, cfg)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		community: c, cfg: cfg, subscriptions: subs, blocks: blocks, allowed: allowed, limits: limits, quarantine: newQuarantine(), sources: newSources(), replays: newReplays(d.DB, d.Log),
		lists: d.Lists, leases: d.Leases, now: time.Now,
		admission: d.Admission, db: d.DB, log: d.Log,
	}
	if r.links, err = newLinks(d.Key); err != nil {
		return nil, err
	}
	if d.Software != nil {
		r.survey = &survey{db: d.DB, subs: subs, blocks: blocks, ask: d.Software, log: d.Log, now: time.Now}
	}
	r.inbox = newInbox(r, d)
	if r.documents, err = newDocuments(c, cfg, d.Key, subs); err != nil {
		return nil, err
	}
	observeState(d.Registerer, r.inbox.requests, subs, blocks)
	return r, nil
}

func (d *Deps) applyDefaults() {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.Log = d.Log.With("component", "relay")
	if d.Alive == nil {
		d.Alive = func(context.Context, string) {}
	}
	if d.Known == nil {
		d.Known = knows(d.DB)
	}
}

func newInbox(r *Relay, d Deps) *inbox {
	return &inbox{
		community: r.community, cfg: r.cfg, keys: d.Keys, admission: d.Admission,
		subs: r.subscriptions, blocks: r.blocks, quarantine: r.quarantine, limits: r.limits, copies: newCopies(),
		blockOf: r.blockOf, survey: r.survey, replays: r.replays, known: d.Known, alive: d.Alive, sources: r.sources,
		requests: make(slots, r.cfg.RequestsMax), workers: make(slots, r.cfg.WorkersMax),
		documents: make(slots, documentsMax), proofs: make(slots, max(1, runtime.GOMAXPROCS(0)/2)),
		keyWaits: newHostSlots(r.cfg.KeyWaitsPerHostMax),
		metrics:  NewMetrics(d.Registerer), log: d.Log, now: time.Now,
		warnings: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
}

func newDocuments(c Community, cfg Config, key *rsa.PrivateKey, subs *Subscriptions) (map[string]http.Handler, error) {
	pem := signature.MarshalPublic(&key.PublicKey)
	whole := c.identity(delivery.Topic{})
	actor, err := newActor(whole, c, cfg, pem)
	if err != nil {
		return nil, err
	}
	links, err := nodeinfoLinks(c)
	if err != nil {
		return nil, err
	}
	avatar, err := newPicture(400, 400)
	if err != nil {
		return nil, err
	}
	header, err := newPicture(700, 230)
	if err != nil {
		return nil, err
	}
	none := func() int { return 0 }
	documents := map[string]http.Handler{
		"/actor":                 actor,
		"/actor/outbox":          collection(c.Outbox(), none),
		"/actor/followers":       collection(c.Followers(), func() int { return subs.followers(whole.topic) }),
		"/actor/following":       collection(c.Following(), none),
		"/.well-known/webfinger": webfinger(c),
		"/.well-known/host-meta": hostMeta(c),
		"/.well-known/nodeinfo":  links,
		"/nodeinfo/2.0":          nodeinfo("2.0", cfg, subs.Count),
		"/nodeinfo/2.1":          nodeinfo("2.1", cfg, subs.Count),

		"/avatars/original/missing.png": avatar,
		"/headers/original/missing.png": header,
	}
	for _, kind := range delivery.TopicKinds {
		at := "/" + kind + "/{name}"
		documents[at] = c.topicsAt(kind, func(i identity) (http.Handler, error) { return newActor(i, c, cfg, pem) })
		documents[at+"/outbox"] = c.topicsAt(kind, func(i identity) (http.Handler, error) { return collection(i.outbox(), none), nil })
		documents[at+"/following"] = c.topicsAt(kind, func(i identity) (http.Handler, error) { return collection(i.following(), none), nil })
		documents[at+"/followers"] = c.topicsAt(kind, func(i identity) (http.Handler, error) {
			return collection(i.followers(), func() int { return subs.followers(i.topic) }), nil
		})
	}
	return documents, nil
}

// Routes adds what the relay answers to the public listener's mux.
func (r *Relay) Routes(mux *http.ServeMux) {
	for path, handler := range r.documents {
		mux.Handle(path, readOnly(handler))
	}
	mux.Handle("/inbox", r.inbox)
	for _, kind := range delivery.TopicKinds {
		mux.Handle("/"+kind+"/{name}/inbox", r.inbox.ofTopics(kind))
	}
}

// readOnly answers GET and HEAD, and the preflight of browsers that read discovery documents.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h.ServeHTTP(w, r)
		case http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
			w.Header().Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			writeError(w, http.StatusMethodNotAllowed, "this document can be read only")
		}
	})
}

// Community is whose relay it is.
func (r *Relay) Community() Community { return r.community }

// Config is what the operator said, with the defaults for the rest.
func (r *Relay) Config() Config { return r.cfg }

// Subscriptions is who follows the relay.
func (r *Relay) Subscriptions() *Subscriptions { return r.subscriptions }

// Blocks is who may not give the relay anything.
func (r *Relay) Blocks() *Blocks { return r.blocks }

// Allowed is who need not be approved.
func (r *Relay) Allowed() *AllowList { return r.allowed }

// Limits is what single servers may give.
func (r *Relay) Limits() *Limits { return r.limits }

// Quarantine is who gave too much, and is left out for a while.
func (r *Relay) Quarantine() *Quarantine { return r.quarantine }

// Sources is what gives the relay posts.
func (r *Relay) Sources() *Sources { return r.sources }

// Run keeps the memory of signatures, what other nodes changed, what subscribers'
// servers run, and block-lists, until ctx ends. It returns after the last signatures are written.
func (r *Relay) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { r.replays.run(ctx) })
	if r.survey != nil {
		running.Go(func() { r.survey.run(ctx) })
	}
	if r.lists != nil {
		running.Go(func() { r.leases.Serve(ctx, listLease, 1, r.renewLists) })
	}
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.refresh(ctx)
		case <-ctx.Done():
			running.Wait()
			return nil
		}
	}
}

func (r *Relay) refresh(ctx context.Context) {
	err := errors.Join(r.subscriptions.Refresh(ctx), r.blocks.Refresh(ctx), r.allowed.Refresh(ctx), r.limits.Refresh(ctx))
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "subscriptions, blocks and limits not read anew", "err", err)
	}
	if err := r.endBlocked(ctx); err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "subscriptions of who is blocked not ended", "err", err)
	}
}
