package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
	"tributary/relay/delivery"
)

// A successor takes over into the database of a relay that does not run.
type successor struct {
	t         *testing.T
	db        *state.DB
	community Community
}

func newSuccessor(t *testing.T) successor {
	t.Helper()
	db, err := state.Open(t.Context(), statetest.Source(t, filepath.Join(t.TempDir(), "state.db")), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return successor{t, db, community(t, "https://relay.example")}
}

func (s successor) takeOver(from Takeover, dryRun bool) TakenOver {
	s.t.Helper()
	done, err := TakeOver(s.t.Context(), s.db, s.community, enqueue, from, dryRun)
	if err != nil {
		s.t.Fatal(err)
	}
	return done
}

// rows are those of the tables that a takeover may change.
func (s successor) rows() map[string]int {
	s.t.Helper()
	counts := make(map[string]int)
	for _, table := range []string{"keys", "subscribers", "blocks", "allowed", "outbox", "lanes"} {
		var n int
		if err := s.db.Read().QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil {
			s.t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

func (s successor) exec(query string, args ...any) {
	s.t.Helper()
	err := s.db.Write(s.t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func member(host string, change func(*Subscriber)) Subscriber {
	s := Subscriber{
		Actor: "https://" + host + "/actor", Inbox: "https://" + host + "/inbox", Delivery: "https://" + host + "/inbox",
		Follow: "https://" + host + "/1", State: StateAccepted, Role: RoleBoth, Style: delivery.StyleForward,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func litePub(s *Subscriber) {
	s.Actor, s.Style = strings.TrimSuffix(s.Actor, "actor")+"relay", delivery.StyleAnnounce
}

func TestTakeOver(t *testing.T) {
	s := newSuccessor(t)
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	from := Takeover{
		Key: key,
		Subscribers: []Subscriber{
			member("mastodon.example", nil), member("pleroma.example", litePub),
			member("waits.example", func(s *Subscriber) { s.State = StatePending }),
			member("quiet.example", func(s *Subscriber) { litePub(s); s.Role = RoleReceive }),
			member("mastodon.example", nil), // twice in the files
		},
		Blocks:  []Block{{Scope: ingest.ScopeDomain, Key: "spam.example", Reason: "spam"}, {Scope: ingest.ScopeDomain, Key: "spam.example"}, {Scope: ScopeSoftware, Key: "spam.example"}},
		Allowed: []Allowed{{Domain: "friends.example"}},
	}
	before := s.rows()
	would := s.takeOver(from, true)
	if now := s.rows(); !reflect.DeepEqual(now, before) {
		t.Errorf("a dry run wrote: %v", now)
	}
	done := s.takeOver(from, false)
	if done.Key != KeySet || len(done.Subscribers) != 4 || len(done.Blocks) != 2 || len(done.Allowed) != 1 || done.Known != 2 || done.FollowsBack != 1 || len(done.Skipped) != 0 {
		t.Errorf("done: %+v", done)
	}
	if would.Key != done.Key || len(would.Subscribers) != len(done.Subscribers) || would.FollowsBack != done.FollowsBack {
		t.Errorf("the dry run said %+v", would)
	}
	want := map[string]int{"keys": 1, "subscribers": 4, "blocks": 2, "allowed": 1, "outbox": 1, "lanes": 0}
	if now := s.rows(); !reflect.DeepEqual(now, want) {
		t.Errorf("rows: %v, want %v", now, want)
	}
	if got, err := LoadKey(t.Context(), s.db, s.community.Actor()); err != nil || !got.Equal(key) {
		t.Errorf("the relay has another key: %v", err)
	}
	var object string
	if err := s.db.Read().QueryRow(`SELECT object FROM subscribers WHERE host = 'pleroma.example' AND back_state = 'pending'`).Scan(&object); err != nil || object != s.community.Actor() {
		t.Errorf("Pleroma's row: %q, %v", object, err)
	}
	again := s.takeOver(from, false)
	if again.Key != KeyKnown || len(again.Subscribers)+len(again.Blocks)+len(again.Allowed)+again.FollowsBack != 0 || again.Known != 9 {
		t.Errorf("again: %+v", again)
	}
	if now := s.rows(); !reflect.DeepEqual(now, want) {
		t.Errorf("again wrote: %v", now)
	}
}

// What a Follow could not do, an import cannot either.
func TestTakeOverSkips(t *testing.T) {
	s := newSuccessor(t)
	s.exec(`INSERT INTO blocks (scope, key, reason, note, created_at) VALUES ($1, 'old.example', '', '', 1)`, ingest.ScopeDomain)
	s.exec(`INSERT INTO authors (hash, uri, tier, gone, seq) VALUES ($1, 'https://a.posts.example/users/x', 0, 0, 1)`, state.Hash("x"))
	list := []Subscriber{
		member("moved.example", func(s *Subscriber) { s.Inbox, s.Delivery = "https://cdn.example/inbox", "https://cdn.example/inbox" }),
		member("half.example", func(s *Subscriber) { s.Delivery = "https://cdn.example/inbox" }),
		member("plain.example", func(s *Subscriber) { s.Inbox = "http://plain.example/inbox" }),
		member("word.example", func(s *Subscriber) { s.Actor = "word" }),
		member("user.example", func(s *Subscriber) { s.Inbox = "https://me:secret@user.example/inbox" }),
		member("long.example", func(s *Subscriber) { s.Follow = strings.Repeat("x", maxURIBytes+1) }),
		member("nofollow.example", func(s *Subscriber) { s.State, s.Follow = StatePending, "" }),
		member("sub.spam.example", nil), member("old.example", nil), member("relay.example", nil),
	}
	for i := range 40 {
		list = append(list, member("many.example", func(s *Subscriber) { s.Actor = fmt.Sprintf("https://many.example/users/%d", i) }))
	}
	done := s.takeOver(Takeover{Subscribers: list, Blocks: []Block{
		{Scope: ingest.ScopeDomain, Key: "spam.example"}, {Scope: ingest.ScopeDomain, Key: "posts.example"},
	}}, false)
	if len(done.Subscribers) != 32 || len(done.Blocks) != 1 || done.Key != KeyKept {
		t.Errorf("%d subscribers, blocks %v, key %s", len(done.Subscribers), done.Blocks, done.Key)
	}
	want := []string{
		"posts or subscriptions of it", "another server", "another server", "not reached by https", "not a usable URL", "not a usable URL", "too long",
		"the id of its Follow is missing", "its server is blocked", "its server is blocked", "the relay itself",
	}
	for range 8 {
		want = append(want, "32 subscriptions already")
	}
	for i, skip := range done.Skipped {
		if i >= len(want) || !strings.Contains(skip.Why, want[i]) {
			t.Errorf("%d: %+v", i, skip)
		}
	}
	if len(done.Skipped) != len(want) {
		t.Errorf("%d skipped, want %d", len(done.Skipped), len(want))
	}
}

// A key that subscribers know is replaced when that is asked for only.
func TestTakeOverReplacesKey(t *testing.T) {
	s := newSuccessor(t)
	first, err := LoadKey(t.Context(), s.db, s.community.Actor()) // a relay that ran once
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	from := Takeover{Key: key, Subscribers: []Subscriber{member("a.example", nil)}}
	if done := s.takeOver(from, true); done.Key != KeyReplaced {
		t.Errorf("the key of a relay without subscribers: %s", done.Key)
	}
	s.takeOver(Takeover{Subscribers: from.Subscribers}, false)
	if _, err := TakeOver(t.Context(), s.db, s.community, enqueue, from, false); !errors.Is(err, ErrKeyKnown) {
		t.Errorf("a known key was replaced: %v", err)
	}
	if got, err := LoadKey(t.Context(), s.db, s.community.Actor()); err != nil || !got.Equal(first) {
		t.Errorf("the key is another one: %v", err)
	}
	from.ReplaceKey = true
	if done := s.takeOver(from, false); done.Key != KeyReplaced || done.Known != 1 {
		t.Errorf("%+v", done)
	}
}

// All or nothing: what fails late leaves nothing of what came before.
func TestTakeOverIsOneStep(t *testing.T) {
	s := newSuccessor(t)
	before := s.rows()
	failing := errors.New("the disk is full")
	_, err := TakeOver(t.Context(), s.db, s.community, func(context.Context, *sql.Tx, string, string, []byte) error { return failing }, Takeover{
		Subscribers: []Subscriber{member("a.example", nil), member("pleroma.example", litePub)},
		Blocks:      []Block{{Scope: ingest.ScopeDomain, Key: "spam.example"}},
	}, false)
	if !errors.Is(err, failing) {
		t.Fatal(err)
	}
	if now := s.rows(); !reflect.DeepEqual(now, before) {
		t.Errorf("it wrote %v", now)
	}
}

// A lane that a crash has left stands somewhere in the past: nobody gets it.
func TestTakeOverStartsAtTheTip(t *testing.T) {
	s := newSuccessor(t)
	s.exec(`INSERT INTO lanes (inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
		VALUES ('https://a.example/inbox', 'a.example', 3, 1, 2, 0, 1, 0, '', 0)`)
	s.takeOver(Takeover{Subscribers: []Subscriber{member("a.example", nil)}}, false)
	if n := s.rows()["lanes"]; n != 0 {
		t.Errorf("%d lanes", n)
	}
}
