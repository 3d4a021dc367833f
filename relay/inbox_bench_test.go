package relay

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// BenchmarkInbox bounds what the inbox itself costs for an accepted Create of
// 3 KB: everything but HTTP's own reading, the key's fetch and admission. Each
// request has its own signature, so the replay table is asked each time.
func BenchmarkInbox(b *testing.B) {
	db, err := state.Open(b.Context(), statetest.Source(b, filepath.Join(b.TempDir(), "state.db")), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	c, err := NewCommunity("https://relay.example")
	if err != nil {
		b.Fatal(err)
	}
	r, err := New(b.Context(), c, Config{}, Deps{DB: db, Key: keys()[0], Keys: oneKey{}, Admission: acceptAll{}, Next: func() uint64 { return 1 }, Enqueue: enqueue, Wake: func() {}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = r.Run(ctx) }()
	defer func() { cancel(); <-stopped }()

	requests := signedCreates(b, c.Inbox())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := requests[i%len(requests)]
		m.Body = io.NopCloser(strings.NewReader(m.Header.Get("X-Body")))
		w := httptest.NewRecorder()
		r.inbox.ServeHTTP(w, m)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Code, w.Body)
		}
		if i%len(requests) == len(requests)-1 {
			b.StopTimer()
			r.replays.drain(b.Context())
			r.replays.memory.Purge()
			if err := db.Write(b.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(`DELETE FROM signatures`); return err }); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
}

func signedCreates(b *testing.B, inbox string) []*http.Request {
	a := &account{URI: "https://social.example/users/alice", KeyID: "https://social.example/users/alice#main-key", Key: keys()[1]}
	signer := signature.NewSigner(a.KeyID, a.Key, 2)
	var list []*http.Request
	for i := range 64 {
		note := fmt.Sprintf("%s/notes/%d", a.URI, i)
		body := fmt.Sprintf(`{"@context":"https://www.w3.org/ns/activitystreams","id":"%s/activity","type":"Create","actor":"%s","to":["%s"],`+
			`"object":{"id":"%s","type":"Note","attributedTo":"%s","to":["%s"],"published":"2026-03-01T12:00:00Z","content":"<p>%s</p>"}}`,
			note, a.URI, public, note, a.URI, public, strings.Repeat("words and more words ", 125))
		r, err := http.NewRequest(http.MethodPost, inbox, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/activity+json")
		if err := signer.SignPost(b.Context(), r, signature.Digest([]byte(body))); err != nil {
			b.Fatal(err)
		}
		delete(r.Header, "Host") // net/http moves it out of the header of a received request
		r.Header.Set("X-Body", body)
		list = append(list, r)
	}
	return list
}

// oneKey knows one actor.
type oneKey struct{}

func (oneKey) Key(_ context.Context, keyID string) (*remote.Key, error) {
	owner := withoutFragment(keyID)
	return &remote.Key{ID: keyID, Public: &keys()[1].PublicKey, Owner: &ap.Actor{Author: ap.Author{URI: owner, Type: "Person"}}}, nil
}

func (k oneKey) KnownKey(keyID string) (*remote.Key, bool) {
	key, err := k.Key(context.Background(), keyID)
	return key, err == nil
}

func (k oneKey) RefreshKey(ctx context.Context, keyID string) (*remote.Key, error) {
	return k.Key(ctx, keyID)
}

func (k oneKey) AssertionKey(ctx context.Context, keyID string) (*remote.Key, error) {
	return k.Key(ctx, keyID)
}

func (k oneKey) RefreshAssertionKey(ctx context.Context, keyID string) (*remote.Key, error) {
	return k.Key(ctx, keyID)
}

func (oneKey) RefreshActor(context.Context, string) (*ap.Actor, error) {
	return nil, remote.ErrNotFound
}

func (oneKey) Forget(context.Context, string) {}

// acceptAll takes everything.
type acceptAll struct{}

func (acceptAll) Admit(context.Context, ingest.Arrival) (ingest.Outcome, error) {
	return ingest.OutcomeAccepted, nil
}

func (acceptAll) ActorGone(context.Context, string) error { return nil }

func (acceptAll) Withdraw(context.Context, ingest.Scope, string, ingest.Tier, string) error {
	return nil
}
