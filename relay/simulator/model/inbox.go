package model

import (
	"bytes"
	"fmt"
	"slices"
)

// owed is something that subscribers get.
type owed struct {
	object    string
	author    string
	kind      Kind
	givers    []string
	from      *object // whose givers count instead: any of them may have been first
	raw       []byte  // as received; nil when it cannot be forwarded
	announced bool    // the relay's Announce will do
	maybe     bool    // nobody misses it
	at        int     // in events
}

func (m *Model) owe(o *owed) {
	o.at = m.told
	m.owed = append(m.owed, o)
}

// Delivered is what came to an inbox.
type Delivered struct {
	Type   string // of the activity
	Object string // URI
	Body   []byte
}

// Inbox compares what came to a subscriber's inbox, in order, with what it should get. It
// returns what is missing, which may still come, and what is wrong, which nothing mends: what
// must not have come, came twice, or in a false order.
func (m *Model) Inbox(host string, got []Delivered) (missing, wrong []string) {
	came := map[*owed]bool{}
	newest := map[string]*owed{} // per object and author
	for _, d := range got {
		o, twice := m.match(host, d, came)
		switch {
		case o == nil && twice:
			wrong = append(wrong, fmt.Sprintf("%s came twice: %s %s", host, d.Type, d.Object))
			continue
		case o == nil:
			wrong = append(wrong, fmt.Sprintf("%s must not get %s of %s: %.300s", host, d.Type, d.Object, d.Body))
			continue
		}
		came[o] = true
		if before := overtaken(newest, o); before != nil {
			wrong = append(wrong, fmt.Sprintf("%s got %s of %s before %s of %s", host, before.kind, before.object, o.kind, o.object))
		}
		newest[o.object], newest[o.author] = o, o
	}
	for _, o := range m.owed {
		if !came[o] && m.mustGet(host, o) {
			missing = append(missing, fmt.Sprintf("%s lacks %s of %s", host, o.kind, o.object))
		}
	}
	return missing, wrong
}

// overtaken is what came before o, of the same object or author, though it is later. When
// something was fetched nobody knows.
func overtaken(newest map[string]*owed, o *owed) *owed {
	for _, key := range []string{o.object, o.author} {
		if before := newest[key]; before != nil && before.at > o.at && before.from == nil && o.from == nil {
			return before
		}
	}
	return nil
}

// match finds what a delivery is.
func (m *Model) match(host string, d Delivered, came map[*owed]bool) (match *owed, twice bool) {
	for _, o := range m.owed {
		raw := o.raw != nil && bytes.Equal(o.raw, d.Body)
		announce := o.announced && d.Type == "Announce" && d.Object == o.object
		if !raw && !announce || m.never(host, o) {
			continue
		}
		if !came[o] {
			return o, false
		}
		twice = true
	}
	return nil, twice
}

// never reports what must not come to a host: what is its own, what it gave, and what was
// taken while it was no member.
func (m *Model) never(host string, o *owed) bool {
	if hostOf(o.object) == host || !m.member(host, o.at) {
		return true
	}
	if o.from == nil {
		return slices.Contains(o.givers, host)
	}
	return len(o.from.givers) == 1 && o.from.givers[0] == host
}

// mustGet reports what a host may not lack.
func (m *Model) mustGet(host string, o *owed) bool {
	if m.never(host, o) || o.maybe || o.from != nil && slices.Contains(o.from.givers, host) {
		return false
	}
	author := m.authors[o.author]
	if o.kind != Leave && author != nil && author.gone {
		return false // the end of the author says it all
	}
	object := m.objects[o.object]
	if o.kind == Delete || object == nil {
		return true
	}
	return !object.deleted && !m.narrowedAfter(object)
}

// narrowedAfter reports that a post was withdrawn by an edit: what subscribers had not got
// yet, they need not get.
func (m *Model) narrowedAfter(o *object) bool {
	return slices.ContainsFunc(o.versions, func(v version) bool { return v.tier == Nowhere })
}
