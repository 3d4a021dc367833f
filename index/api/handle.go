package api

import (
	"strings"

	"tributary/ingest/ap"
)

// maxHandle bounds a handle: 64 characters of name as most servers, 253 of domain, and some.
const maxHandle = 512

// parseHandle reads user@domain, with "@" or "acct:" in front or not. Without a
// domain it is a user of this server. The user is as written.
func (a *API) parseHandle(s string) (user, domain string, ok bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "acct:"), "@")
	if len(s) > maxHandle {
		return "", "", false
	}
	user, domain, remote := strings.Cut(s, "@")
	if user == "" || strings.ContainsAny(user, " /?#:") {
		return "", "", false
	}
	if !remote {
		return user, a.cfg.host(), true
	}
	if strings.ContainsAny(domain, "@/?# ") {
		return "", "", false
	}
	domain, err := ap.Host("https://" + domain)
	return user, domain, err == nil
}

// parsePage reads the URL of an author's page as Mastodon and most others build
// it: https://domain/@user, or https://server/@user@domain.
func (a *API) parsePage(url string) (user, domain string, ok bool) {
	host, err := ap.Host(url)
	if err != nil {
		return "", "", false
	}
	_, rest, _ := strings.Cut(url, "://")
	_, path, _ := strings.Cut(rest, "/")
	name, isPage := strings.CutPrefix(strings.TrimRight(path, "/"), "@")
	if !isPage || name == "" {
		return "", "", false
	}
	if !strings.Contains(name, "@") {
		name += "@" + host
	}
	return a.parseHandle(name)
}

// statusURI is the id of the post with this page, "" where the page does not
// tell it. Mastodon: https://host/@alice/1 is the page of
// https://host/users/alice/statuses/1 (not of accounts made since 4.5, whose ids
// hold a number instead of the name).
func statusURI(page string) string {
	scheme, rest, _ := strings.Cut(page, "://")
	host, path, _ := strings.Cut(rest, "/")
	user, id, _ := strings.Cut(strings.TrimPrefix(path, "@"), "/")
	if _, ok := number(id); !ok || user == "" || !strings.HasPrefix(path, "@") {
		return ""
	}
	return scheme + "://" + host + "/users/" + user + "/statuses/" + id
}
