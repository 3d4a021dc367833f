package ap

import "strings"

// actor reads an actor document.
func (d *document) actor(obj ref, o *Object) *Actor {
	a := &Actor{
		Author:      d.authorOf(obj, o),
		Inbox:       d.uri(d.get(obj, "inbox")),
		Outbox:      d.uri(d.get(obj, "outbox")),
		Followers:   d.uri(d.get(obj, "followers")),
		Keys:        d.keys(d.get(obj, "publicKey")),
		Assertions:  d.multikeys(d.get(obj, "assertionMethod")),
		AlsoKnownAs: d.uris(d.get(obj, "alsoKnownAs"), maxAliases),
	}
	a.SharedInbox = d.uri(d.get(d.get(obj, "endpoints"), "sharedInbox"))
	if a.SharedInbox == "" {
		a.SharedInbox = d.uri(d.get(obj, "sharedInbox")) // Misskey
	}
	return a
}

// authorOf reads what is shown of an actor, and what it agreed to.
func (d *document) authorOf(obj ref, o *Object) Author {
	a := Author{
		URI:       o.ID,
		Type:      o.Type,
		Username:  userName(d.line(d.get(obj, "preferredUsername"), maxLabel)),
		URL:       d.pageURL(d.get(obj, "url")),
		Created:   d.date(d.get(obj, "published")),
		Bot:       o.Type == "Service" || o.Type == "Application",
		Locked:    d.objection(d.get(obj, "manuallyApprovesFollowers")),
		Memorial:  d.objection(d.get(obj, "memorial")),
		Suspended: d.objection(d.get(obj, "suspended")),
		MovedTo:   d.uri(d.get(obj, "movedTo")),
	}
	if a.URL == "" {
		a.URL = a.URI
	}
	name, _ := d.mapped(obj, "name", "nameMap", maxLine)
	a.Name = strings.TrimSpace(name)
	a.Avatar, _ = d.picture(d.get(obj, "icon"))
	a.Header, _ = d.picture(d.get(obj, "image"))

	var text string
	note, _ := d.mapped(obj, "summary", "summaryMap", maxHTML)
	if !strings.Contains(note, "<") {
		note = paragraphs(note) // PeerTube writes text
	}
	a.Note, text, _ = rewrite(note, maxNote)
	a.OptOut = optOutTag(text) || optOutTag(a.Name)
	d.fields(obj, &a)
	d.actorTags(obj, &a)
	d.consent(obj, &a)
	return a
}

// userName returns s if it can be the name in an address.
func userName(s string) string {
	if strings.ContainsAny(s, " \t\n@/<>\"") {
		return ""
	}
	return s
}

// fields reads the rows of a profile.
func (d *document) fields(obj ref, a *Author) {
	n := 0
	for v := range d.items(d.get(obj, "attachment")) {
		if n++; n > maxTagEntries {
			return
		}
		if typ, _ := d.typeOf(v); typ != "PropertyValue" {
			continue
		}
		value, text, _ := rewrite(d.text(d.get(v, "value"), maxSummary), maxFieldValue)
		f := Field{Name: d.line(d.get(v, "name"), maxLabel), Value: value}
		a.OptOut = a.OptOut || optOutTag(text) || optOutTag(f.Name)
		if len(a.Fields) < maxFields && (f.Name != "" || f.Value != "") {
			a.Fields = append(a.Fields, f)
		}
	}
}

// actorTags reads an actor's emojis, and the hashtags of its biography.
func (d *document) actorTags(obj ref, a *Author) {
	n := 0
	for v := range d.items(d.get(obj, "tag")) {
		if n++; n > maxTagEntries {
			return
		}
		switch typ, _ := d.typeOf(v); typ {
		case "Emoji":
			a.Emojis = d.emoji(v, a.Emojis)
		case "Hashtag":
			a.OptOut = a.OptOut || optOutName(FoldTag(d.text(d.get(v, "name"), maxTagInput)))
		}
	}
}

// keys reads an actor's keys: one, several (Mastodon 4.6), or only their ids.
func (d *document) keys(v ref) []Key {
	var keys []Key
	for e := range d.items(v) {
		if len(keys) == maxKeys {
			break
		}
		k := Key{ID: d.uri1(e)}
		if d.isObject(e) {
			k = d.publicKey(e)
		}
		if k.ID != "" || k.PEM != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

func (d *document) publicKey(v ref) Key {
	k := Key{
		ID:    d.id(v),
		Owner: d.uri(d.first(v, "owner", "controller")),
		PEM:   d.text(d.get(v, "publicKeyPem"), maxPEM+1),
	}
	if len(k.PEM) > maxPEM {
		k.PEM = ""
	}
	return k
}

// multikeys reads an actor's Multikeys (FEP-521a): those that it embeds.
func (d *document) multikeys(v ref) []Key {
	var keys []Key
	for e := range d.items(v) {
		if len(keys) == maxKeys {
			break
		}
		k := Key{
			ID:        d.id(e),
			Owner:     d.uri(d.get(e, "controller")),
			Multibase: d.text(d.get(e, "publicKeyMultibase"), maxLabel),
		}
		if k.ID != "" && k.Multibase != "" {
			keys = append(keys, k)
		}
	}
	return keys
}
