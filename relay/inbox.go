package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/relay/delivery"
)

// The inbox's own waits.
const (
	workerWait   = 5 * time.Second  // for a free worker
	admitTimeout = 20 * time.Second // for everything after the key is had
)

// admitter is what the inbox needs of *ingest.Admission.
type admitter interface {
	Admit(ctx context.Context, in ingest.Arrival) (ingest.Outcome, error)
	ActorGone(ctx context.Context, uri string) error
	Withdraw(ctx context.Context, scope ingest.Scope, key string, tier ingest.Tier, reason string) error
}

// keyring is what the inbox needs of *remote.Client.
type keyring interface {
	KnownKey(keyID string) (*remote.Key, bool)
	Key(ctx context.Context, keyID string) (*remote.Key, error)
	RefreshKey(ctx context.Context, keyID string) (*remote.Key, error)
	AssertionKey(ctx context.Context, keyID string) (*remote.Key, error)
	RefreshAssertionKey(ctx context.Context, keyID string) (*remote.Key, error)
	RefreshActor(ctx context.Context, uri string) (*ap.Actor, error)
	Forget(ctx context.Context, uri string)
}

// inbox takes what other servers send (ActivityPub §7). The order of its checks
// is by cost and by what an attacker may cause: nothing is read before the
// headers are in order, no key is fetched before the body is there, nothing is
// parsed before the signature is verified.
type inbox struct {
	community  Community
	cfg        Config
	keys       keyring
	admission  admitter
	subs       *Subscriptions
	blocks     *Blocks
	blockOf    func(uri string) (Block, bool)
	survey     *survey // nil: nobody is asked what it runs
	quarantine *Quarantine
	limits     *Limits
	copies     copies
	replays    *replays
	known      func(ctx context.Context, actor string) (bool, error)
	alive      func(ctx context.Context, host string)
	sources    *Sources
	requests   slots
	workers    slots
	documents  slots // whose signature is looked at
	proofs     slots // those of them that are being verified
	keyWaits   *hostSlots
	metrics    *Metrics
	log        *slog.Logger
	warnings   rate.Sometimes // bounds the warnings of one and the same trouble
	now        func() time.Time
}

// request is what one POST has come to.
type request struct {
	http      *http.Request
	body      []byte
	signature *signature.Signature
	signer    *ap.Actor
	activity  *ap.Activity
	seen      seenSignature
	proven    bool           // that signer sent it
	at        delivery.Topic // whose inbox it arrived at
}

// ServeHTTP is the inbox of the relay's own actor.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in.serve(w, r, delivery.Topic{}, nil)
}

// ofTopics are the inboxes of the actors of topics of a kind, by the path's {name}.
func (in *inbox) ofTopics(kind string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := in.community.topicAt(kind, r.PathValue("name"))
		in.serve(w, r, at, err)
	})
}

// serve takes a request that arrived at the inbox of the actor of a topic, unless there is
// none: err then says so.
func (in *inbox) serve(w http.ResponseWriter, r *http.Request, at delivery.Topic, err error) {
	start := in.now()
	// For the body, also for one that is never read: net/http waits for what is
	// left of it before it answers. Fails only where a test has no connection.
	_ = http.NewResponseController(w).SetReadDeadline(start.Add(in.cfg.BodyTimeout))
	req := &request{http: r, at: at}
	verdict := ""
	if err == nil {
		verdict, err = in.take(w, req)
	}
	status := http.StatusAccepted
	if err != nil {
		refusal := asRefusal(err)
		status, verdict = refusal.Status, refusal.Reason
		in.tell(w, r, refusal)
	} else {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(status)
	}
	in.metrics.answered(strconv.Itoa(status), verdict, in.now().Sub(start))
	in.source(req, status, verdict)
}

// source counts who gave it. What is not proven makes nobody known.
func (in *inbox) source(req *request, status int, verdict string) {
	switch {
	case req.proven:
		in.sources.gave(hostOf(req.signer.URI), verdict, status != http.StatusAccepted, len(req.body), verdict == string(ingest.OutcomeAccepted))
	case req.signature != nil && status == http.StatusUnauthorized:
		in.sources.forged(hostOf(withoutFragment(req.signature.KeyID)))
	}
}

// asRefusal: what is not a verdict is our own trouble.
func asRefusal(err error) *ingest.Refusal {
	if refusal, ok := errors.AsType[*ingest.Refusal](err); ok {
		return refusal
	}
	return unavailable(err)
}

func (in *inbox) tell(w http.ResponseWriter, r *http.Request, refusal *ingest.Refusal) {
	level := slog.LevelDebug // remote misbehaviour
	if refusal.Reason == reasonUnavailable {
		// Ours; while the log is away each request says so, and the counter counts them.
		in.warnings.Do(func() { level = slog.LevelWarn })
	}
	in.log.Log(r.Context(), level, "inbox request refused", "status", refusal.Status,
		"reason", refusal.Reason, "message", refusal.Message, "remote", r.RemoteAddr, "err", refusal.Err)
	h := w.Header()
	switch refusal.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", retryAfter(refusal.Reason))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Post", "application/activity+json")
	}
	if refusal.Reason == reasonTooLarge || refusal.Reason == reasonBodyTimeout {
		h.Set("Connection", "close") // the rest of the body is not read
	}
	writeError(w, refusal.Status, refusal.Message)
}

// take brings a request from its headers to its verdict. An error is the
// refusal that the sender is told; all else is 202.
func (in *inbox) take(w http.ResponseWriter, req *request) (string, error) {
	r := req.http
	if !in.requests.try() {
		return "", busy(reasonBusy, "too many requests are under way; send this again in a few seconds")
	}
	defer in.requests.release()
	if err := in.checkHeaders(req); err != nil {
		return "", err
	}
	if err := in.readBody(w, req); err != nil {
		return "", err
	}
	// All that needs no key: a request that cannot pass costs nobody a fetch.
	if err := req.signature.Check(r, req.body, in.now()); err != nil {
		return "", signatureRefusal(err)
	}
	key, err := in.key(r.Context(), req)
	if errors.Is(err, remote.ErrGone) || errors.Is(err, remote.ErrNotFound) {
		return in.withoutKey(r.Context(), req, err)
	}
	if err != nil {
		return "", keyRefusal(req.signature.KeyID, err)
	}
	if err := in.verify(r.Context(), req, key); err != nil {
		return "", err
	}
	if !in.workers.wait(r.Context(), workerWait) {
		return "", busy(reasonBusy, "the relay is at its limit; send this again in a few seconds")
	}
	defer in.workers.release()
	ctx, cancel := context.WithTimeout(r.Context(), admitTimeout)
	defer cancel()
	return in.process(ctx, req)
}

// process handles a request that is proved to come from its signer.
func (in *inbox) process(ctx context.Context, req *request) (string, error) {
	req.proven = true
	if repeated, err := in.replays.seen(ctx, req.seen.hash); err != nil || repeated {
		return verdictReplay, err
	}
	in.alive(ctx, hostOf(req.signer.URI)) // even if it is refused: somebody is there
	if err := in.parse(req); err != nil {
		return "", err
	}
	if err := in.checkPolicy(req); err != nil {
		return "", err
	}
	if verdict, settled, err := in.settle(ctx, req); settled || err != nil {
		return verdict, err
	}
	return in.admit(ctx, req)
}

func (in *inbox) checkHeaders(req *request) error {
	r := req.http
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, reasonMethod,
			"this is the relay's inbox: servers POST activities to it. Paste its address, %s, into your server's relay form.", in.community.TopicInbox(req.at))
	}
	if !in.cfg.AnyHost && !in.community.serves(r.Host) {
		// A request that was signed for another host, and passed on to us, must
		// not count as sent to us: a relay could subscribe its members here.
		return refuse(http.StatusMisdirectedRequest, reasonHost,
			"this relay is %s, not %s", in.community.Host(), r.Host)
	}
	if !activityType(r.Header.Get("Content-Type")) {
		return refuse(http.StatusUnsupportedMediaType, reasonContentType,
			`the Content-Type must be application/activity+json, or application/ld+json with profile="https://www.w3.org/ns/activitystreams"`)
	}
	if r.ContentLength > ingest.MaxDocumentBytes {
		return tooLarge()
	}
	sig, err := signature.Parse(r)
	if err != nil {
		return signatureRefusal(err)
	}
	req.signature = sig
	owner := withoutFragment(sig.KeyID)
	if hostOf(owner) == in.community.Host() {
		return refuse(http.StatusForbidden, reasonLocal, "the key is on this relay's own host")
	}
	if block, ok := in.blocks.Actor(owner); ok && !block.Own() {
		return blocked(block)
	}
	return nil
}

// activityType reports whether a Content-Type is ActivityPub's (§3.2, §7).
// pub-relay writes the profile without quotes, which mime does not read.
func activityType(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	switch kind {
	case "application/activity+json":
		return true
	case "application/ld+json":
		const profile = "https://www.w3.org/ns/activitystreams"
		if errors.Is(err, mime.ErrInvalidMediaParameter) {
			return strings.Contains(contentType, profile)
		}
		for p := range strings.FieldsSeq(params["profile"]) {
			if p == profile {
				return true
			}
		}
	}
	return false
}

func tooLarge() *ingest.Refusal {
	return refuse(http.StatusRequestEntityTooLarge, reasonTooLarge,
		"the document is larger than %d bytes", ingest.MaxDocumentBytes)
}

func blocked(block Block) *ingest.Refusal {
	message := block.Key + " is blocked here"
	if block.Scope == ScopeSoftware {
		message = block.Key + ", which the server says it runs, is blocked here"
	}
	if block.Reason != "" {
		message += ": " + block.Reason
	}
	return refuse(http.StatusForbidden, reasonBlocked, "%s", message)
}

// readBody reads at most what is allowed, until the deadline. It grows with what
// comes in and not with what Content-Length promises.
func (in *inbox) readBody(w http.ResponseWriter, req *request) error {
	var b bytes.Buffer
	b.Grow(int(min(max(req.http.ContentLength, 0), 8<<10)) + bytes.MinRead) // most posts, in one piece
	n, err := io.Copy(&b, io.LimitReader(req.http.Body, ingest.MaxDocumentBytes+1))
	switch {
	case n > ingest.MaxDocumentBytes:
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return refuse(http.StatusRequestTimeout, reasonBodyTimeout, "the body did not come in within %s", in.cfg.BodyTimeout)
	case err != nil:
		return because(refuse(http.StatusBadRequest, reasonBodyBroken, "the body could not be read"), err)
	}
	// A deadline that passes while the activity is processed would end the request's context.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	req.body = b.Bytes()
	return nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func (in *inbox) parse(req *request) error {
	activity, err := ap.ParseActivity(req.body)
	if err != nil {
		return because(refuse(http.StatusBadRequest, reasonDocument, "the document cannot be read: %v", err), err)
	}
	if activity.Actor == "" || activity.Type == "" {
		return refuse(http.StatusBadRequest, reasonDocument, "the document is not an activity: it needs a type and an actor")
	}
	req.activity = activity
	return nil
}

// checkPolicy asks the blocks about everybody whom the document concerns.
func (in *inbox) checkPolicy(req *request) error {
	a := req.activity
	if hostOf(a.Actor) == in.community.Host() {
		return refuse(http.StatusForbidden, reasonLocal, "the activity claims an actor of this relay")
	}
	author := ""
	if a.Object != nil {
		author = a.Object.AttributedTo
	}
	for _, uri := range []string{req.signer.URI, a.Actor, author, a.ObjectID} {
		block, ok := in.blockOf(uri)
		if ok && (!block.spares() || !withdraws(a.Type)) {
			return blocked(block)
		}
	}
	return nil
}

// withdraws reports whether an activity takes something back. An actor who
// blocked us, and a server whose software is blocked, may still do that.
func withdraws(kind string) bool {
	return kind == "Delete" || kind == "Undo" || kind == "Block"
}

// admit passes on what was not for us. The signature is remembered after
// Admit's acknowledgement: a crash in between makes a replay possible, which
// the log's repeat window drops.
func (in *inbox) admit(ctx context.Context, req *request) (string, error) {
	if err := in.checkLimits(req); err != nil {
		return "", err
	}
	arrival, err := in.arrival(ctx, req, req.signer)
	if err != nil {
		return "", err
	}
	arrival.Prove = in.prover(req)
	outcome, err := in.admission.Admit(ctx, arrival)
	if err != nil {
		return "", err
	}
	in.afterwards(ctx, req)
	if err := in.replays.remember(ctx, req.seen); err != nil {
		in.log.WarnContext(ctx, "signature not remembered: the repeat window of the log must catch a replay", "err", err)
	}
	return string(outcome), nil
}

// checkLimits asks whether the sender's server gives too much: in a minute, or at once.
// What takes something back is always taken.
func (in *inbox) checkLimits(req *request) error {
	if withdraws(req.activity.Type) {
		return nil
	}
	host := hostOf(req.signer.URI)
	perMinute, bodyMax := in.limits.Host(host)
	if len(req.body) > bodyMax {
		return refuse(http.StatusRequestEntityTooLarge, reasonBodyMax,
			"the document has %d bytes, and this relay takes %d of your server at most; what it takes back may have %d", len(req.body), bodyMax, ingest.MaxDocumentBytes)
	}
	if in.tooMuch(host, perMinute, req.body) {
		return refuse(http.StatusTooManyRequests, reasonQuarantine,
			"your server sends more than %d activities a minute, and is left out for some minutes; nothing that it takes back is", perMinute)
	}
	return nil
}

// tooMuch counts an activity, unless it is a copy of one that was let in.
func (in *inbox) tooMuch(host string, perMinute int, body []byte) bool {
	if perMinute == 0 {
		return false
	}
	this := copyOf(body)
	if in.copies.had(this) {
		return false
	}
	if in.quarantine.take(host, perMinute) > 0 {
		return true
	}
	in.copies.add(this)
	return false
}

func (in *inbox) arrival(ctx context.Context, req *request, signer *ap.Actor) (ingest.Arrival, error) {
	giver := hostOf(signer.URI)
	grant, err := in.subs.gives(ctx, giver)
	if err != nil {
		return ingest.Arrival{}, err
	}
	// Pleroma's relay of before 2.0 says that it is a Person: it is known by its Follow of our actor.
	server := slices.ContainsFunc(in.subs.Of(signer.URI), func(sub Subscriber) bool { return sub.Style == delivery.StyleAnnounce })
	return ingest.Arrival{Raw: req.body, Activity: req.activity, Signer: signer, Giver: giver, Grant: grant, Server: server}, nil
}

// afterwards drops what an actor's own Update or Delete made stale.
func (in *inbox) afterwards(ctx context.Context, req *request) {
	a := req.activity
	if a.Actor != a.ObjectID || a.Actor != req.signer.URI {
		return
	}
	switch a.Type {
	case "Update":
		in.keys.Forget(ctx, a.Actor)
	case "Delete":
		in.keys.Forget(ctx, a.Actor)
		in.endOf(ctx, a.Actor)
	}
}

// endOf ends the subscriptions of an actor that is no more.
func (in *inbox) endOf(ctx context.Context, actor string) {
	if len(in.subs.Of(actor)) == 0 {
		return
	}
	if err := in.subs.end(ctx, []string{actor}, false, nothing); err != nil {
		// The subscriber's inbox will answer 410, and its lane will say so.
		in.log.WarnContext(ctx, "subscription of a deleted actor not ended", "actor", actor, "err", err)
	}
}
