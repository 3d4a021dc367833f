package token

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// testStore returns a store on a clock that stands still, at *clock.
func testStore(t testing.TB, path string) (*Store, *time.Time) {
	t.Helper()
	db, err := state.Open(t.Context(), statetest.Source(t, path), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := New(db)
	s.now = func() time.Time { return clock }
	return s, &clock
}

func create(t testing.TB, s *Store, ttl time.Duration, scopes ...string) (string, Token) {
	t.Helper()
	secret, token, err := s.Create(t.Context(), "dashboard", scopes, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

func TestCreateAndVerify(t *testing.T) {
	s, clock := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	secret, made := create(t, s, time.Hour, Read, Admin, Read)
	if len(secret) != 48 || !strings.HasPrefix(secret, "trib_") || strings.Contains(secret, "=") {
		t.Errorf("secret %q", secret)
	}
	got, err := s.Verify(t.Context(), secret, Read)
	if err != nil {
		t.Fatal(err)
	}
	want := made
	want.Used = *clock
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if want := clock.Add(time.Hour); !got.Expires.Equal(want) || len(got.Scopes) != 2 {
		t.Errorf("got %+v", got)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("list %+v, %v", list, err)
	}

	*clock = clock.Add(time.Hour - 1)
	if _, err := s.Verify(t.Context(), secret, Read); err != nil {
		t.Errorf("a moment before the end: %v", err)
	}
	*clock = clock.Add(1)
	if _, err := s.Verify(t.Context(), secret, Read); !errors.Is(err, ErrExpired) {
		t.Errorf("at the end: %v", err)
	}
}

func TestScopes(t *testing.T) {
	s, _ := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	for _, c := range []struct {
		has, needs string
		ok         bool
	}{
		{Read, Read, true},
		{Read, ReadStatuses, true},
		{ReadStatuses, ReadStatuses, true},
		{ReadStatuses, Read, false},
		{Read, Admin, false},
		{Admin, Admin, true},
		{Admin, Read, false},
		{Read, "", false},
		{Read, "reading", false},
	} {
		secret, _ := create(t, s, 0, c.has)
		if _, err := s.Verify(t.Context(), secret, c.needs); (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrScope)) {
			t.Errorf("%s for %q: %v", c.has, c.needs, err)
		}
	}
	for _, bad := range [][]string{nil, {"write"}, {Read, "read statuses"}} {
		if _, _, err := s.Create(t.Context(), "", bad, 0); !errors.Is(err, ErrScope) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := s.Create(t.Context(), "", []string{Read}, -1); err == nil {
		t.Error("a negative lifetime was accepted")
	}
}

func TestUnknownSecrets(t *testing.T) {
	s, _ := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	secret, made := create(t, s, 0, Read)
	for _, wrong := range []string{
		"", "trib_", made.ID, secret[:47], secret + "A", "x" + secret[1:],
		strings.Repeat("A", 48), "trib_" + strings.Repeat("A", 43), strings.Repeat("trib_", 1<<16),
	} {
		if _, err := s.Verify(t.Context(), wrong, Read); !errors.Is(err, ErrUnknown) {
			t.Errorf("%.60q: %v", wrong, err)
		}
	}
}

func TestTheDatabaseHoldsNoSecret(t *testing.T) {
	s, _ := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	secret, _ := create(t, s, 0, Read)
	var hash []byte
	var id, name, scopes string
	if err := s.db.Read().QueryRow(`SELECT hash, id, name, scopes FROM tokens`).Scan(&hash, &id, &name, &scopes); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(hash)+id+name+scopes, secret[5:]) {
		t.Errorf("the row holds it: %q %q %q %q", hash, id, name, scopes)
	}
}

func TestRevoke(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	here, clock := testStore(t, path)
	there, _ := testStore(t, path)
	secret, made := create(t, here, 0, Read)
	for _, s := range []*Store{here, there} {
		if _, err := s.Verify(t.Context(), secret, Read); err != nil {
			t.Fatal(err)
		}
	}
	if err := there.Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Verify(t.Context(), secret, Read); !errors.Is(err, ErrUnknown) {
		t.Errorf("where it was revoked: %v", err)
	}
	*clock = clock.Add(cacheTime)
	if _, err := here.Verify(t.Context(), secret, Read); !errors.Is(err, ErrUnknown) {
		t.Errorf("elsewhere, later: %v", err)
	}
	if err := here.Revoke(t.Context(), made.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("again: %v", err)
	}
}

// A lookup that read the row before it was deleted must not bring it back.
func TestALookupThatOverlapsARevocationIsNotKept(t *testing.T) {
	c := newCache()
	generation := c.begin()
	c.forget()
	c.put(hash{1}, Token{}, time.Now(), generation)
	if _, ok := c.get(hash{1}, time.Now()); ok {
		t.Error("it was kept")
	}
}

func TestVerifyOfATokenInUseNeedsNoDatabase(t *testing.T) {
	s, clock := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	secret, _ := create(t, s, 0, Read)
	if _, err := s.Verify(t.Context(), secret, Read); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	*clock = clock.Add(cacheTime - 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Verify(t.Context(), secret, ReadStatuses); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	*clock = clock.Add(1)
	if _, err := s.Verify(t.Context(), secret, Read); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a database that cannot be read says nothing about the token: %v", err)
	}
}

func TestUsedIsNotedOncePerStep(t *testing.T) {
	s, clock := testStore(t, filepath.Join(t.TempDir(), "state.db"))
	secret, _ := create(t, s, 0, Read)
	used := func() time.Time {
		t.Helper()
		if _, err := s.Verify(t.Context(), secret, Read); err != nil {
			t.Fatal(err)
		}
		list, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list[0].Used
	}
	first := used()
	if !first.Equal(*clock) {
		t.Errorf("used %v", first)
	}
	*clock = clock.Add(usedStep - 1)
	if got := used(); !got.Equal(first) {
		t.Errorf("within a step: %v", got)
	}
	*clock = clock.Add(usedStep)
	if got := used(); !got.Equal(fromMilli(clock.UnixMilli())) {
		t.Errorf("after a step: %v", got)
	}
}

// Bounds what a token costs a request: no query, no allocation that grows with the tokens.
func BenchmarkVerify(b *testing.B) {
	s, _ := testStore(b, filepath.Join(b.TempDir(), "state.db"))
	secret, _ := create(b, s, 0, Read)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(context.Background(), secret, ReadStatuses); err != nil {
			b.Fatal(err)
		}
	}
}
