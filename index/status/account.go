package status

import (
	"strings"
	"time"
	"unicode"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// epoch stands for an unknown date of joining: Tusky and toot need one.
var epoch = time.Unix(0, 0).UTC()

// author renders a record's author; of a record without a snapshot only the
// URI is known.
func (v Renderer) author(r *ingest.Record) Account {
	if r.Author != nil {
		return v.Account(r.Author, r.Domain)
	}
	return v.Account(&ap.Author{URI: r.Actor}, r.Domain)
}

// Account renders an author. domain is the host of its handle; "" takes the
// host of its URI. The counts are 0 and for the caller to fill in.
func (v Renderer) Account(a *ap.Author, domain string) Account {
	user := firstOf(username(a.Username), userFromURI(a.URI))
	avatar := firstOf(a.Avatar, v.base+"/avatars/original/missing.png")
	header := firstOf(a.Header, v.base+"/headers/original/missing.png")
	created := a.Created
	if created.IsZero() {
		created = epoch
	}
	return Account{
		ID:           ID(AccountID(a.URI)),
		Username:     user,
		Acct:         user + "@" + firstOf(domain, hostOf(a.URI)),
		DisplayName:  a.Name,
		Locked:       a.Locked,
		Bot:          a.Bot,
		Discoverable: a.Discoverable,
		Indexable:    a.Indexable,
		Group:        a.Type == "Group",
		CreatedAt:    clampTime(created),
		Note:         a.Note,
		URL:          firstOf(a.URL, a.URI),
		URI:          a.URI,
		Avatar:       avatar,
		AvatarStatic: avatar,
		Header:       header,
		HeaderStatic: header,
		Emojis:       emojis(a.Emojis),
		Fields:       fields(a.Fields),
		Suspended:    a.Suspended,
		Memorial:     a.Memorial,
	}
}

func fields(in []ap.Field) []Field {
	out := make([]Field, len(in))
	for i, f := range in {
		out[i] = Field{Name: f.Name, Value: f.Value}
	}
	return out
}

// username returns name if it can stand before the "@" of a handle, else "".
// Mastodon allows ASCII only, others (Misskey forks, WordPress) more.
func username(name string) string {
	bad := strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.~", r)
	})
	if bad >= 0 {
		return ""
	}
	return name
}

// hostname returns name if it can stand after the "@" of a handle, else "".
func hostname(name string) string {
	bad := strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-.:[]", r)
	})
	if bad >= 0 {
		return ""
	}
	return strings.ToLower(name)
}

// userFromURI guesses the name of an actor whose document gives none that could
// be shown: the last part of the path ("/users/alice", "/@alice"), else the host.
// It is never empty for an actor with a host.
func userFromURI(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = strings.TrimRight(rest, "/")
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		if name := username(strings.TrimPrefix(rest[i+1:], "@")); name != "" {
			return name
		}
	}
	return firstOf(username(strings.ReplaceAll(hostOf(uri), ":", ".")), "unknown")
}

// hostOf is the host of an absolute URI, with its port, lower case.
func hostOf(uri string) string {
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return hostname(rest[strings.LastIndexByte(rest, '@')+1:])
}
