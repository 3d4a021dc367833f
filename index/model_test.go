package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tributary/index/language"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// model answers the index's questions by walking over everything: what the log
// shows to ViewIndex, in order, and nothing clever.
type model struct {
	posts   map[uint64]*modelPost
	authors map[uint64]*modelAuthor
}

type modelPost struct {
	*ingest.Record
	tier ingest.Tier
}

type modelAuthor struct {
	*ap.Author
	domain string
	tier   ingest.Tier
}

func modelOf(records []*ingest.Record) *model {
	m := &model{posts: map[uint64]*modelPost{}, authors: map[uint64]*modelAuthor{}}
	for _, r := range records {
		m.add(r)
	}
	return m
}

func (m *model) add(r *ingest.Record) {
	actor := r.Object == r.Actor && r.Post == nil
	switch {
	case r.Kind == ingest.KindWithdraw:
		m.withdraw(r.Scope, r.Object, r.Tier)
	case actor && r.Kind == ingest.KindDelete:
		m.withdraw(ingest.ScopeActor, r.Object, ingest.TierNone)
	case actor:
		m.authors[status.AccountID(r.Actor)] = &modelAuthor{r.Author, r.Domain, ingest.Consent(r.Author)}
	case r.Kind == ingest.KindDelete:
		delete(m.posts, r.ID)
	default:
		m.posts[r.ID] = &modelPost{r, r.Tier}
		if consent := ingest.Consent(r.Author); consent < ingest.TierLive || r.Tier >= consent {
			m.authors[status.AccountID(r.Actor)] = &modelAuthor{r.Author, r.Domain, consent}
		}
	}
}

func (m *model) withdraw(scope ingest.Scope, key string, tier ingest.Tier) {
	for _, p := range m.posts {
		if scope == ingest.ScopeObject && p.Object == key || scope == ingest.ScopeActor && p.Actor == key || scope == ingest.ScopeDomain && p.Domain == key {
			p.tier = min(p.tier, tier)
		}
	}
	for _, a := range m.authors {
		if scope == ingest.ScopeActor && a.URI == key || scope == ingest.ScopeDomain && a.domain == key {
			a.tier = min(a.tier, tier)
		}
	}
}

// select returns the ids of posts, newest first.
func (m *model) selectPosts(keep func(*modelPost) bool) (ids []uint64) {
	for id, p := range m.posts {
		if keep(p) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int { return cmp.Compare(b, a) })
	return ids
}

func (m *model) timeline(t Timeline) []uint64 {
	return m.selectPosts(func(p *modelPost) bool {
		has := func(tag string) bool { return slices.Contains(p.Post.Tags, tag) }
		return p.tier >= ingest.TierLive && (!t.OnlyMedia || len(p.Post.Attachments) > 0) &&
			(t.Domain == "" || p.Domain == t.Domain) && (t.Language == "" || language.Of(p.Post.Language, p.Post.Text) == t.Language) &&
			(len(t.Any) == 0 || slices.ContainsFunc(t.Any, has)) && !slices.ContainsFunc(t.None, has) &&
			!slices.ContainsFunc(t.All, func(tag string) bool { return !has(tag) })
	})
}

func (m *model) search(terms ...string) []uint64 {
	return m.selectPosts(func(p *modelPost) bool {
		if p.tier < ingest.TierSearch {
			return false
		}
		for _, term := range terms {
			if unspaced(term) && !strings.Contains(p.Post.Text, term) || !unspaced(term) && !slices.Contains(strings.Fields(p.Post.Text), term) {
				return false
			}
		}
		return true
	})
}

func (m *model) accountStatuses(id uint64) []uint64 {
	return m.selectPosts(func(p *modelPost) bool { return p.tier >= ingest.TierLive && status.AccountID(p.Actor) == id })
}

// tags are uses and authors of each hashtag that five or more used.
func (m *model) tags() map[string]TagDay {
	authors, uses := map[string]map[string]bool{}, map[string]uint64{}
	for _, p := range m.posts {
		if p.tier < ingest.TierStats {
			continue
		}
		for _, tag := range p.Post.Tags {
			if authors[tag] == nil {
				authors[tag] = map[string]bool{}
			}
			authors[tag][p.Actor] = true
			uses[tag]++
		}
	}
	all := map[string]TagDay{}
	for tag, who := range authors {
		if len(who) >= groupLeast {
			all[tag] = TagDay{Day: time.Now().UTC().Truncate(day), Uses: uses[tag], Accounts: uint64(len(who))}
		}
	}
	return all
}
