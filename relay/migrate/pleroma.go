package migrate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// ActivityRelay (pleroma's relay, later barkshark's) has a relay.yaml, and beside it a
// database: relay.jsonld before 0.3, then SQLite or PostgreSQL.

// parsePythonYAML reads relay.yaml. It returns the path of the database, as the file names it.
func parsePythonYAML(text []byte) (e Export, database string, err error) {
	var c struct {
		Domain       string         `yaml:"domain"`
		DatabaseType string         `yaml:"database_type"`
		SQLitePath   string         `yaml:"sqlite_path"`
		AP           pythonBefore03 `yaml:"ap"`
	}
	var old pythonBefore03
	if err := plainYAML(text); err != nil {
		return Export{}, "", err
	}
	if err := errors.Join(yaml.Unmarshal(text, &c), yaml.Unmarshal(text, &old)); err != nil {
		return Export{}, "", fmt.Errorf("%w: %w", ErrFormat, err)
	}
	e = Export{Software: ActivityRelayPython, Host: c.Domain}
	switch {
	case c.Domain == "":
		return old.export(c.AP)
	case strings.HasPrefix(c.DatabaseType, "postgres"):
		return e, "", nil
	case c.SQLitePath == "":
		c.SQLitePath = "relay.sqlite3"
	}
	return e, c.SQLitePath, nil
}

// What a relay.yaml never has, and what would make its reading take for ever.
const (
	yamlBytesMax    = 128 << 10 // its reader takes time with the square of the keys
	yamlLineMax     = 4096      // bytes; a line can nest
	yamlBracketsMax = 1000      // they nest too, at a cost that grows with the square
)

// plainYAML refuses aliases, which make a small text a huge value, and nesting.
func plainYAML(text []byte) error {
	if len(text) > yamlBytesMax || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > yamlBracketsMax {
		return fmt.Errorf("%w for a relay.yaml", ErrLarge)
	}
	for line := range bytes.Lines(text) {
		if len(line) > yamlLineMax || bytes.Count(line, []byte("- ")) > 50 || bytes.Count(line, []byte("? ")) > 50 {
			return fmt.Errorf("%w: a line is too long", ErrLarge)
		}
	}
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Type == token.AnchorType || t.Type == token.AliasType {
			return fmt.Errorf("%w: line %d has an anchor or an alias", ErrFormat, t.Position.Line)
		}
	}
	return nil
}

// pythonBefore03 is relay.yaml before 0.3, which had some of it under "ap".
type pythonBefore03 struct {
	DB             string   `yaml:"db"`
	Host           string   `yaml:"host"`
	Blocked        []string `yaml:"blocked_instances"`
	BannedSoftware []string `yaml:"blocked_software"`
	Allowed        []string `yaml:"whitelist"`
}

func (c pythonBefore03) export(ap pythonBefore03) (e Export, database string, err error) {
	e = Export{Software: ActivityRelayPython, Host: cmp.Or(c.Host, ap.Host)}
	if e.Host == "" {
		return Export{}, "", ErrFormat
	}
	e.Allowed = slices.Concat(c.Allowed, ap.Allowed)
	e.BannedSoftware = slices.Concat(c.BannedSoftware, ap.BannedSoftware)
	for _, name := range slices.Concat(c.Blocked, ap.Blocked) {
		e.Blocked = append(e.Blocked, Domain{Name: name})
	}
	return e, cmp.Or(c.DB, "relay.jsonld"), nil
}

// beside is the path of a file that another one names.
func beside(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

// parsePythonJSON reads relay.jsonld: the key, and inboxes by domain, or before
// version 1 a list of inboxes.
func parsePythonJSON(doc []byte) (Export, error) {
	var d struct {
		Key     string                      `json:"private-key"`
		Keys    struct{ PrivateKey string } `json:"actorKeys"`
		Inboxes json.RawMessage             `json:"relay-list"`
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		return Export{}, err
	}
	e := Export{Software: ActivityRelayPython, Key: d.Key}
	if e.Key == "" {
		e.Key = d.Keys.PrivateKey
	}
	var list []string
	var byDomain map[string]pythonInbox
	switch {
	case len(d.Inboxes) == 0:
	case json.Unmarshal(d.Inboxes, &list) == nil:
		for _, inbox := range list {
			e.Members = append(e.Members, pythonInbox{Inbox: inbox}.member())
		}
	default:
		if err := json.Unmarshal(d.Inboxes, &byDomain); err != nil {
			return Export{}, err
		}
		for _, domain := range slices.Sorted(maps.Keys(byDomain)) {
			inbox := byDomain[domain]
			inbox.Domain = domain
			e.Members = append(e.Members, inbox.member())
		}
	}
	return e, nil
}

// pythonInbox is a row of the table inboxes, and an entry of relay.jsonld, which has no actor.
type pythonInbox struct {
	Domain   string `json:"domain"`
	Actor    string `json:"actor"`
	Inbox    string `json:"inbox"`
	Follow   string `json:"followid"`
	Software string `json:"software"`
	Accepted *bool  `json:"accepted"` // nil before there was an approval: yes
}

// member tells how it followed from its software: that was not kept.
func (i pythonInbox) member() Member {
	m := Member{
		Domain: i.Domain, Actor: i.Actor, Inbox: i.Inbox, Follow: i.Follow, Software: strings.ToLower(i.Software),
		Pending: i.Accepted != nil && !*i.Accepted,
	}
	m.Announce = followsActors(m.Software) || m.Software == "" && isRelayActor(m.Actor)
	return m
}

// followsActors reports whether a software subscribes to a relay by following its actor:
// those that speak LitePub, and other relays.
func followsActors(software string) bool {
	switch software {
	case "pleroma", "akkoma", "activityrelay", "activity-relay", "aoderelay", "feditools-relay":
		return true
	}
	return false
}

// isRelayActor tells Pleroma's and Akkoma's relay actor by its path.
func isRelayActor(uri string) bool {
	return strings.HasSuffix(strings.TrimPrefix(uri, "https://"), "/relay")
}

type pythonBan struct {
	Domain string `json:"domain"`
	Name   string `json:"name"` // of a software
	Reason string `json:"reason"`
	Note   string `json:"note"`
}

type pythonSetting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// pythonTables are the tables of its database that are of interest.
type pythonTables struct {
	Config       []pythonSetting `json:"config"`
	Inboxes      []pythonInbox   `json:"inboxes"`
	DomainBans   []pythonBan     `json:"domain_bans"`
	InstanceBans []pythonBan     `json:"instance_bans"` // their name before 0.3
	SoftwareBans []pythonBan     `json:"software_bans"`
	Whitelist    []pythonBan     `json:"whitelist"`
}

// parsePythonTables reads the tables as PostgreSQL's json_agg writes them.
func parsePythonTables(doc []byte) (Export, error) {
	var t pythonTables
	if err := json.Unmarshal(doc, &t); err != nil {
		return Export{}, err
	}
	return t.export(), nil
}

func (t pythonTables) export() Export {
	e := Export{Software: ActivityRelayPython}
	for _, c := range t.Config {
		if c.Key == "private-key" {
			e.Key = c.Value
		}
	}
	for _, i := range t.Inboxes {
		e.Members = append(e.Members, i.member())
	}
	for _, b := range append(t.DomainBans, t.InstanceBans...) {
		e.Blocked = append(e.Blocked, Domain{Name: b.Domain, Reason: b.Reason, Note: b.Note})
	}
	for _, w := range t.Whitelist {
		e.Allowed = append(e.Allowed, w.Domain)
	}
	for _, s := range t.SoftwareBans {
		e.BannedSoftware = append(e.BannedSoftware, s.Name)
	}
	return e
}

// postgresHint is how the tables of a PostgreSQL database become a file.
const postgresHint = `its database is in PostgreSQL: give the file that this makes as well
  psql -At DATABASE -c "SELECT json_build_object('config', (SELECT json_agg(c) FROM config c), 'inboxes', (SELECT json_agg(i) FROM inboxes i), 'domain_bans', (SELECT json_agg(b) FROM domain_bans b), 'software_bans', (SELECT json_agg(s) FROM software_bans s), 'whitelist', (SELECT json_agg(w) FROM whitelist w))" > relay-tables.json`
