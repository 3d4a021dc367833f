package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/lease"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// fakeLog is a log in memory, read as ingest.Tail is.
type fakeLog struct {
	mu        sync.Mutex
	entries   []*ingest.Entry
	withdrawn map[uint64]bool
	expired   uint64 // seqs below are gone
	news      chan struct{}
}

func newFakeLog() *fakeLog {
	return &fakeLog{withdrawn: make(map[uint64]bool), news: make(chan struct{})}
}

func (f *fakeLog) append(entries ...*ingest.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, entries...)
	close(f.news)
	f.news = make(chan struct{})
}

// post appends a post by an actor of its own and returns its seq.
func (f *fakeLog) post() uint64 {
	seq := f.Tip() + 1
	f.append(entry(seq, fmt.Sprintf("https://origin.example/notes/%d", seq), fmt.Sprintf("https://origin.example/users/%d", seq)))
	return seq
}

func (f *fakeLog) posts(n int) {
	for range n {
		f.post()
	}
}

func (f *fakeLog) withdraw(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.withdrawn[seq] = true
}

func (f *fakeLog) expire(below uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expired = below
}

// at is when a record was appended.
func (f *fakeLog) at(seq uint64) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entries[seq-1].Record.Time
}

func (f *fakeLog) Tip() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.entries) == 0 {
		return 0
	}
	return f.entries[len(f.entries)-1].Record.Seq
}

func (f *fakeLog) reader(cursor uint64) reader { return &fakeReader{log: f, cursor: max(cursor, 1)} }

type fakeReader struct {
	log    *fakeLog
	cursor uint64
}

func (r *fakeReader) Position() uint64 { return r.cursor - 1 }

func (r *fakeReader) Next(ctx context.Context, limit int) (ingest.Batch, error) {
	for {
		batch, news := r.read(limit)
		if len(batch.Entries)+len(batch.Events) > 0 {
			return batch, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return batch, ctx.Err()
		}
	}
}

func (r *fakeReader) read(limit int) (batch ingest.Batch, news chan struct{}) {
	f := r.log
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.cursor < f.expired {
		batch.Events = append(batch.Events, ingest.Event{Name: ingest.EventExpired, From: r.cursor, To: f.expired})
		r.cursor = f.expired
	}
	first, _ := slices.BinarySearchFunc(f.entries, r.cursor, func(e *ingest.Entry, seq uint64) int {
		return int(int64(e.Record.Seq) - int64(seq))
	})
	for _, e := range f.entries[first:] {
		if len(batch.Entries) == limit {
			break
		}
		r.cursor = e.Record.Seq + 1
		if !f.withdrawn[e.Record.Seq] {
			batch.Entries = append(batch.Entries, e)
		}
	}
	return batch, f.news
}

// fakeSubscribers is a list of inboxes.
type fakeSubscribers struct {
	mu       sync.Mutex
	inboxes  []string
	styles   map[string]Style
	paused   map[string]bool
	filters  map[string]Filter
	signings map[string]Signing
	of       map[string][]Receiver // what the subscribers of an inbox want; else all that passes
	changed  chan struct{}
}

func subscribed(inboxes ...string) *fakeSubscribers {
	return &fakeSubscribers{inboxes: inboxes, changed: make(chan struct{})}
}

func (s *fakeSubscribers) set(inboxes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inboxes = inboxes
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeSubscribers) filter(inbox string, f Filter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filters = map[string]Filter{inbox: f}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeSubscribers) pause(inbox string, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = map[string]bool{inbox: paused}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeSubscribers) Receivers(context.Context) ([]Receiver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Receiver
	for _, inbox := range s.inboxes {
		for _, r := range s.of[inbox] {
			r.Inbox, r.Signing = inbox, s.signings[inbox]
			all = append(all, r)
		}
		if len(s.of[inbox]) > 0 {
			continue
		}
		all = append(all, Receiver{Inbox: inbox, Style: s.styles[inbox], Paused: s.paused[inbox], Filter: s.filters[inbox], Signing: s.signings[inbox]})
	}
	return all, nil
}

func (s *fakeSubscribers) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// fakeWeb answers deliveries without sockets.
type fakeWeb struct {
	latency time.Duration

	mu     sync.Mutex
	answer func(d delivered) (status int, hold bool) // guarded by mu
	paths  func(path string) int                     // asked before answer; nil: answer says; guarded by mu
	header http.Header
	got    []delivered
	flying map[string]int // by host
	most   map[string]int
}

// delivered is one request as a server saw it.
type delivered struct {
	host   string
	body   string
	seq    uint64 // of a body that entry made
	object string
	keyID  string // that signed
	at     time.Time
	shared bool // its signature names no host
	try    int  // of this body at this host, from 1
	status int
}

func newFakeWeb() *fakeWeb {
	return &fakeWeb{latency: 10 * time.Millisecond, flying: make(map[string]int), most: make(map[string]int)}
}

func (w *fakeWeb) behave(f func(d delivered) (status int, hold bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

func (w *fakeWeb) behaveByURL(f func(path string) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paths = f
}

func (w *fakeWeb) always(status int) { w.behave(func(delivered) (int, bool) { return status, false }) }

var errDown = errors.New("connection refused")

func (w *fakeWeb) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("Signature") == "" {
		panic("not signed")
	}
	d := delivered{host: r.URL.Host, body: string(body), at: time.Now()}
	var doc struct {
		Seq    uint64
		Object string
	}
	_ = json.Unmarshal(body, &doc)
	d.seq, d.object = doc.Seq, doc.Object
	_, after, _ := strings.Cut(r.Header.Get("Signature"), `keyId="`)
	d.keyID, _, _ = strings.Cut(after, `"`)
	d.shared = strings.Contains(r.Header.Get("Signature"), `headers="(request-target) date digest"`) ||
		strings.Contains(r.Header.Get("Signature"), `headers="date digest"`) && strings.Contains(r.URL.Path, "/users/")
	w.mu.Lock()
	w.flying[d.host]++
	w.most[d.host] = max(w.most[d.host], w.flying[d.host])
	d.try = 1
	for _, g := range w.got {
		if g.host == d.host && g.body == d.body {
			d.try++
		}
	}
	header, i := w.header, len(w.got)
	status, hold := 202, false
	switch {
	case w.paths != nil:
		status = w.paths(r.URL.Path)
	case w.answer != nil:
		status, hold = w.answer(d)
	}
	w.got = append(w.got, d)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.flying[d.host]--
		w.mu.Unlock()
	}()
	if hold {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	pause(r.Context(), w.latency)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.got[i].status = status
	w.mu.Unlock()
	if status == 0 {
		return nil, errDown
	}
	return &http.Response{
		StatusCode: status, Header: header.Clone(), ContentLength: -1,
		Body: io.NopCloser(bytes.NewBufferString("said so")),
	}, nil
}

// of lists what a host was sent; with a status, only what was answered so.
func (w *fakeWeb) of(host string, status ...int) (list []delivered) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.got {
		if d.host == host && (len(status) == 0 || slices.Contains(status, d.status)) {
			list = append(list, d)
		}
	}
	return list
}

func seqs(list []delivered) (s []uint64) {
	for _, d := range list {
		s = append(s, d.seq)
	}
	slices.Sort(s)
	return s
}

func upTo(first, last uint64) (s []uint64) {
	for i := first; i <= last; i++ {
		s = append(s, i)
	}
	return s
}

const stubSignature = `keyId="` + testActor + `#main-key"`

// stubSigner signs nothing.
type stubSigner struct{}

func (stubSigner) SignBy(_ context.Context, keyID string, r *http.Request, digest string, _ signature.Form) error {
	r.Header["Digest"] = []string{digest}
	r.Header["Signature"] = []string{stubSignature}
	if keyID != "" {
		r.Header["Signature"] = []string{`keyId="` + keyID + `"`}
	}
	return nil
}

func (stubSigner) SignShared(ctx context.Context, to *url.URL, digest string) (signature.Shared, error) {
	return realSigner().SignShared(ctx, to, digest)
}

// rig is an engine over fakes and a real state database.
type rig struct {
	t    *testing.T
	dir  string
	db   *state.DB
	log  *fakeLog
	subs *fakeSubscribers
	web  *fakeWeb
	cfg  Config

	client Doer // nil: web
	reg    *prometheus.Registry

	leases *lease.Keeper // nil: alone
	signer Signer        // nil: stubSigner

	engine *Engine
	ended  chan error
}

const testActor = "https://relay.example/actor"

// testKeyID knows the actors of topics of the relay.
func testKeyID(actor string) (string, bool) {
	return actor + "#main-key", strings.HasPrefix(actor, "https://relay.example/")
}

// follows is a receiver that follows the actor of a topic.
func follows(topic string, style Style) Receiver {
	t, err := ParseTopic(topic)
	if err != nil {
		panic(err)
	}
	r := Receiver{Actor: testActor, Topic: t, Style: style}
	if !t.Whole() {
		r.Actor = "https://relay.example/" + t.String()
	}
	return r
}

// bubble runs f with a rig in a synctest bubble: time is not real.
func bubble(t *testing.T, inboxes []string, f func(*testing.T, *rig)) {
	dir := t.TempDir()
	realSigner() // made here, since what one bubble makes is of no use to the next
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, log: newFakeLog(), subs: subscribed(inboxes...), web: newFakeWeb()}
		r.open()
		defer r.db.Close()
		defer r.close()
		f(t, r)
	})
}

func (r *rig) open() {
	r.t.Helper()
	db, err := state.Open(context.Background(), statetest.Source(r.t, filepath.Join(r.dir, "state.db")), quiet())
	if err != nil {
		r.t.Fatal(err)
	}
	r.db = db
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *rig) start() {
	r.t.Helper()
	r.reg = prometheus.NewRegistry()
	client := r.client
	if client == nil {
		client = r.web
	}
	signer := r.signer
	if signer == nil {
		signer = stubSigner{}
	}
	e, err := newEngine(r.cfg, Deps{
		DB: r.db, Signer: signer, Client: client, Subscribers: r.subs, Actor: testActor, KeyID: testKeyID,
		Log: quiet(), Registerer: r.reg, Leases: r.leases,
	}, r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	r.engine, r.ended = e, make(chan error, 1)
	go func() { r.ended <- e.Run(context.Background()) }()
	time.Sleep(time.Millisecond) // the lanes are there
	synctest.Wait()
}

// close ends the engine as a shutdown does.
func (r *rig) close() {
	r.t.Helper()
	if r.engine == nil {
		return
	}
	if err := r.engine.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
	r.engine = nil
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lane is the status of a host's lane.
func (r *rig) lane(host string) Status {
	r.t.Helper()
	list, err := r.engine.Status(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range list {
		if s.Host == host {
			return s
		}
	}
	r.t.Fatalf("no lane of %s", host)
	return Status{}
}

// metric is the value of a counter or gauge by name and label values.
func (r *rig) metric(name string, labels ...string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			var have []string
			for _, l := range m.Label {
				have = append(have, l.GetValue())
			}
			if strings.Join(have, " ") == strings.Join(labels, " ") {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	r.t.Fatalf("no metric %s %v", name, labels)
	return 0
}

func (r *rig) position(inbox string) (position uint64, found bool) {
	r.t.Helper()
	rows, err := r.db.Read().Query(`SELECT position FROM lanes WHERE inbox = $1`, inbox)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		found = true
		if err := rows.Scan(&position); err != nil {
			r.t.Fatal(err)
		}
	}
	return position, found
}
