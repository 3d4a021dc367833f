package ap

import "strings"

// PublicURI is the collection that everyone is in (ActivityPub §5.6). Documents
// write it "as:Public" and "Public" too; parsed documents never do.
const PublicURI = "https://www.w3.org/ns/activitystreams#Public"

// publicURI reports whether s is one of the spellings of PublicURI.
func publicURI(s string) bool {
	switch s {
	case PublicURI, "as:Public", "Public", "http://www.w3.org/ns/activitystreams#Public":
		return true
	}
	return false
}

// uri returns the first usable URI of a field: a string, the id of an object,
// the href of a link. PublicURI in all its spellings is one.
func (d *document) uri(v ref) string {
	for e := range d.items(v) {
		if u := d.uri1(e); u != "" {
			return u
		}
	}
	return ""
}

func (d *document) uri1(v ref) string {
	if d.isObject(v) {
		v = d.first(v, "id", "href", "@value")
	}
	if !d.isString(v) {
		return ""
	}
	s := d.string1(v, maxURI+1)
	if publicURI(s) {
		return PublicURI
	}
	return cleanURI(s)
}

// id returns obj's id.
func (d *document) id(obj ref) string {
	if v := d.get(obj, "id"); d.isString(v) {
		return cleanURI(d.string1(v, maxURI+1))
	}
	return ""
}

// uris returns the URIs of a field, at most limit of them. PublicURI is kept
// even if it stands behind the limit.
func (d *document) uris(v ref, limit int) []string {
	var out []string
	public := false
	for e := range d.items(v) {
		u := d.uri1(e)
		switch {
		case u == "":
		case len(out) < limit:
			out = append(out, u)
			public = public || u == PublicURI
		case u == PublicURI && !public:
			out[limit-1], public = u, true
		}
	}
	return out
}

// visibility reads the addressing of an object. The author's followers
// collection is not known here, so a URI that looks like one counts: all
// servers we know build it with the word (Mastodon …/followers, Friendica
// /followers/…, GNU social …/subscribers).
//
// What is addressed to all authenticated agents instead of Public (FEP-7502) is
// not public: that audience is a URI like any other here.
func visibility(to, cc []string) Visibility {
	followers := false
	for _, u := range to {
		if u == PublicURI {
			return Public
		}
		followers = followers || followersURI(u)
	}
	for _, u := range cc {
		if u == PublicURI {
			return Unlisted
		}
		followers = followers || followersURI(u)
	}
	if followers {
		return Followers
	}
	return Direct
}

func followersURI(u string) bool {
	return strings.HasSuffix(u, "/followers") || strings.HasSuffix(u, "/subscribers") ||
		strings.Contains(u, "/followers/")
}
