package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest/ap"
	"tributary/ingest/signature"
	"tributary/relay/simulator/model"
)

// siteOf is a server of a software without a network, with somebody who agrees to all.
func siteOf(t *testing.T, software string, accounts ...Account) *site {
	t.Helper()
	keys, err := pool()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite("http://site.example", softwareOf(software), rand.New(rand.NewPCG(1, 2)), clock, keys)
	s.settle(append([]Account{{Name: "alice", Discoverable: true, Indexable: true}}, accounts...))
	return s
}

// What each software writes, the product's parser takes for what it means.
func TestSoftwaresMeanWhatTheySay(t *testing.T) {
	for _, name := range Softwares() {
		t.Run(name, func(t *testing.T) {
			s := siteOf(t, name)
			for _, audience := range []model.Audience{model.Public, model.Unlisted, model.Followers, model.Direct} {
				for _, w := range slices.Compact(slices.Clone(writings)) {
					if name == "lemmy" && audience != model.Public {
						continue // it has no followers
					}
					a, err := s.create(Post{Author: "alice", Audience: audience, Language: w.tag, Tags: w.tags, Rare: w.rare[0]})
					if err != nil {
						t.Fatal(err)
					}
					checkPost(t, s, a, w)
					if a, err = s.edit(a.Object, ""); err != nil {
						t.Fatal(err)
					}
					checkPost(t, s, a, w)
				}
			}
		})
	}
}

func checkPost(t *testing.T, s *site, a Activity, w *writing) {
	t.Helper()
	got, err := ap.ParseActivity(a.Body)
	if err != nil || got.Object == nil || got.Object.Post == nil {
		t.Fatalf("%s is %+v, %v", a.Body, got, err)
	}
	means, p := a.Means, got.Object.Post
	visibility := map[model.Audience]ap.Visibility{
		model.Public: ap.Public, model.Unlisted: ap.Unlisted, model.Followers: ap.Followers, model.Direct: ap.Direct,
	}[means.Post.Audience]
	if got.Type != string(means.Kind) || got.ID != a.ID || got.Actor != means.Actor || got.ObjectID != a.Object ||
		got.Object.AttributedTo != means.Actor || got.LDSigned != means.LDSigned {
		t.Errorf("activity is %+v, means %+v", got, means)
	}
	if p.Visibility != visibility || !strings.Contains(p.Text+p.Title, means.Post.Mark) || !strings.Contains(p.Text, means.Post.Rare) {
		t.Errorf("%s\nis %+v, means %+v", a.Body, p, means.Post)
	}
	if len(p.Tags) != len(means.Post.Tags) {
		t.Errorf("tags are %q, want %q", p.Tags, means.Post.Tags)
	}
	if declares := s.software.words == wordsTwice || s.software.words == wordsMap || s.software.lang != langNone; declares {
		if want := strings.ToLower(w.tag); p.Language != want && want != "und" {
			t.Errorf("language is %q, want %q", p.Language, want)
		}
	}
	version := p.Updated
	if version.IsZero() {
		version = p.Published
	}
	if d := version.Sub(means.Post.Version); d < 0 || d > time.Second {
		t.Errorf("version is %s, means %s", version, means.Post.Version)
	}
}

// What each software's profiles say of consent is what the model is told.
func TestConsentOfSoftwares(t *testing.T) {
	accounts := []Account{
		{Name: "nothing"},
		{Name: "locked", Discoverable: true, Indexable: true, Locked: true},
		{Name: "live", Discoverable: true},
		{Name: "memorial", Discoverable: true, Indexable: true, Memorial: true},
	}
	for _, d := range Declines() {
		accounts = append(accounts, Account{Name: "declines" + string(d), Discoverable: true, Indexable: true, Decline: d})
	}
	for _, name := range Softwares() {
		s := siteOf(t, name, accounts...)
		for _, a := range s.accounts {
			t.Run(name+"/"+a.Name, func(t *testing.T) { checkProfile(t, a) })
		}
	}
}

func checkProfile(t *testing.T, a *account) {
	got, err := ap.ParseActor(a.document(Honest))
	if err != nil {
		t.Fatal(err)
	}
	is := model.Consent{Discoverable: got.Discoverable, Indexable: got.Indexable, Locked: got.Locked, Memorial: got.Memorial, Declines: got.OptOut}
	if is != a.consent() {
		t.Errorf("%s\nis %+v, means %+v", a.document(Honest), is, a.consent())
	}
	if got.URI != a.uri || got.Inbox != a.inbox() || got.SharedInbox == "" != (a.site.software.shared == "") || len(got.Keys) != 1 {
		t.Errorf("actor is %+v", got)
	}
	if key, err := signature.ParsePublicKey(got.Keys[0].PEM); err != nil || !a.key.PublicKey.Equal(key) {
		t.Errorf("key: %v", err)
	}
	told, err := a.site.profile(a.Name)
	if err != nil {
		t.Fatal(err)
	}
	update, err := ap.ParseActivity(told.Body)
	if err != nil || update.Object == nil || update.Object.Actor == nil || update.Object.Actor.OptOut != got.OptOut {
		t.Errorf("%s is %+v, %v", told.Body, update, err)
	}
}

// Deletes name what they delete.
func TestDeletesOfSoftwares(t *testing.T) {
	for _, name := range Softwares() {
		s := siteOf(t, name)
		written, err := s.create(Post{Author: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		erased, err := s.erase(written.Object)
		if err != nil {
			t.Fatal(err)
		}
		left, err := s.leave("alice")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []Activity{erased, left} {
			if got, err := ap.ParseActivity(a.Body); err != nil || got.Type != "Delete" || got.ObjectID != a.Object || got.Actor != a.Means.Actor {
				t.Errorf("%s: %s is %+v, %v", name, a.Body, got, err)
			}
		}
	}
}

// Ids of different documents differ.
func TestIDsDiffer(t *testing.T) {
	for name, id := range map[string]func(uint64) string{"snowflake": snowflake, "aid": aid, "ulid": ulid, "uuid": uuid} {
		seen := map[string]uint64{}
		for n := range uint64(20_000) {
			made := id(n)
			if other, twice := seen[made]; twice {
				t.Fatalf("%s(%d) = %s(%d) = %s", name, n, name, other, made)
			}
			seen[made] = n
		}
		t.Log(name, fmt.Sprint(id(1), " ", id(19_999)))
	}
}
