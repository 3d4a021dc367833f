package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// FuzzProcess: whatever an authenticated server sends is taken or refused with
// a status and a sentence, and ends or makes no subscription but the sender's.
func FuzzProcess(f *testing.F) {
	const self, other = "https://a.example/actor", "https://b.example/actor"
	follow := fmt.Sprintf(`{"id":"%s#f","type":"Follow","actor":"%s","object":"as:Public"}`, self, self)
	for _, doc := range []string{
		follow,
		fmt.Sprintf(`{"type":"Undo","actor":"%s","object":%s}`, self, follow),
		fmt.Sprintf(`{"type":"Undo","actor":"%s","object":"%s#f"}`, self, other),
		fmt.Sprintf(`{"type":"Undo","actor":"%s","object":{"type":"Follow","actor":"%s","object":"Public"}}`, self, other),
		fmt.Sprintf(`[{"@type":"Follow","actor":[{"id":"%s"}],"object":[{"id":"as:Public"}]}]`, self),
		fmt.Sprintf(`{"type":"Block","actor":"%s","object":"https://relay.example/actor"}`, self),
		fmt.Sprintf(`{"id":"%s#t","type":"Follow","actor":"%s","object":"https://relay.example/tag/go"}`, self, self),
		fmt.Sprintf(`{"type":"Undo","actor":"%s","object":{"type":"Follow","actor":"%s","object":"https://relay.example/tag/%%67o"}}`, self, self),
		fmt.Sprintf(`{"type":"Block","actor":"%s","object":"https://relay.example/language/de"}`, self),
		fmt.Sprintf(`{"type":"Delete","actor":"%s","object":"%s"}`, other, other),
		fmt.Sprintf(`{"type":"Accept","actor":"%s","object":{"type":"Follow"}}`, self),
		`{"type":"Note","id":"https://a.example/1","attributedTo":"https://a.example/actor"}`, `{}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(doc))
	}
	db, err := state.Open(f.Context(), statetest.Source(f, filepath.Join(f.TempDir(), "state.db")), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	c, err := NewCommunity("https://relay.example")
	if err != nil {
		f.Fatal(err)
	}
	r, err := New(f.Context(), c, Config{}, Deps{DB: db, Key: keys()[0], Keys: oneKey{}, Admission: acceptAll{}, Next: func() uint64 { return 1 }, Enqueue: enqueue, Wake: func() {}})
	if err != nil {
		f.Fatal(err)
	}
	victim := Subscriber{Actor: other, Host: "b.example", Inbox: "https://b.example/inbox", Delivery: "https://b.example/inbox", Follow: other + "#f", Object: "Public"}
	if _, err := r.subscriptions.follow(f.Context(), victim, nothing); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		signer := &ap.Actor{Author: ap.Author{URI: self, Type: "Application"}, Inbox: "https://a.example/inbox"}
		req := &request{
			http: httptest.NewRequest(http.MethodPost, "/inbox", nil), body: body, signer: signer,
			seen: seenSignature{expires: time.Now().Add(time.Hour)},
		}
		_, _ = rand.Read(req.seen.hash[:]) // never fails
		verdict, err := r.inbox.process(context.Background(), req)
		var refusal *ingest.Refusal
		switch {
		case err == nil && verdict == "":
			t.Error("taken, without a verdict")
		case err != nil && (!errors.As(err, &refusal) || refusal.Status < 400 || refusal.Status > 499 || refusal.Reason == "" || refusal.Message == ""):
			t.Errorf("refused as %v", err)
		}
		for _, sub := range r.subscriptions.List() {
			if sub.Actor != self && sub.Actor != other {
				t.Errorf("%s is subscribed", sub.Actor)
			}
		}
		if _, ok := r.subscriptions.Actor(other); !ok {
			t.Fatal("the other server's subscription is gone")
		}
	})
}
