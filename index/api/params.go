package api

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"tributary/ingest/ap"
)

// params are the parameters of a request. Of one given twice the last counts,
// as in Rails.
type params map[string][]string

func (p params) last(name string) string {
	if v := p[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (p params) has(name string) bool { return len(p[name]) > 0 }

// flag reads a boolean as Rails does: everything is true but these.
func (p params) flag(name string) bool {
	switch p.last(name) {
	case "", "0", "f", "F", "false", "False", "FALSE", "off", "OFF":
		return false
	}
	return true
}

// list reads name[] and name.
func (p params) list(name string) []string {
	return slices.Concat(p[name+"[]"], p[name])
}

// maxTags is Mastodon's TagFeed::LIMIT_PER_MODE: what is above is left out there
// too.
const maxTags = 4

// tags reads a list of hashtags in the form that they are compared in, after
// those in front, without doubles.
func (p params) tags(name string, front ...string) []string {
	var tags []string
	for _, s := range slices.Concat(front, p.list(name)) {
		if len(tags) == maxTags {
			break
		}
		if tag := ap.FoldTag(s); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// count reads a number that is not negative, no larger than most; def without one.
func (p params) count(name string, def, most int) (int, error) {
	s := p.last(name)
	if s == "" {
		return def, nil
	}
	if strings.HasPrefix(s, "-") {
		return 0, badRequest("Pagination values for `offset` and `limit` must be positive")
	}
	n, ok := number(s)
	if !ok {
		return 0, badRequest("%s is not a number", name)
	}
	return int(min(n, uint64(most))), nil
}

// id reads an id; given is false without one.
func (p params) id(name string) (id uint64, given bool, err error) {
	s := p.last(name)
	if s == "" {
		return 0, false, nil
	}
	id, ok := number(s)
	if !ok {
		return 0, false, badRequest("%s is not an id", name)
	}
	return id, true, nil
}

// number reads decimal digits. What is above 63 bits is larger than every id,
// and so is the result.
func number(s string) (uint64, bool) {
	if s == "" || len(s) > 100 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
