package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rules fills in what follows from other keys and refuses what may not be said together.
func (l *loader) rules() {
	c := &l.config
	l.check("data", notEmpty(c.Data))
	l.check("listen", checkAddress(c.Listen))
	l.check("debug_listen", checkAddress(c.DebugListen))
	if c.Listen == c.DebugListen && !strings.HasSuffix(c.Listen, ":0") {
		l.check("debug_listen", errors.New("must not be the address of listen: it is not for the public"))
	}
	l.url()
	if c.Dev {
		l.dev()
	}
	l.check("relay.body_max", checkBodyMax(c.Relay.BodyMax))
	l.https()
	l.kafka()
	l.check("clickhouse.url", checkClickHouse(c.ClickHouse))
	l.check("delivery.libcrypto", checkLibcrypto(c.Delivery.Libcrypto))
	l.roles()
	if d := c.Delivery; d.PauseAfter > 0 && d.PauseAfter < d.StaleAfter {
		l.fault("delivery.pause_after", errors.New("must not be less than delivery.stale_after: a server is reported before it is left alone"))
	}
	if c.Database.URL == "" {
		c.Database.URL = "sqlite:" + filepath.Join(c.Data, "state.db")
	} else {
		l.check("database.url", checkDatabase(c.Database.URL))
	}
}

// checkDatabase wants a scheme that package state opens. It repeats no part of the URL, as one that
// cannot be understood may hold a password anywhere.
func checkDatabase(text string) error {
	kind, _, _ := strings.Cut(text, ":")
	if kind == "sqlite" {
		return nil
	}
	if !postgresURL(text) {
		return errors.New("must be sqlite:PATH or postgres://user:password@host/name")
	}
	if _, err := url.Parse(text); err != nil {
		return errors.New("is not a URL: in a name or password, write @ : / ? # % as %40 %3A %2F %3F %23 %25")
	}
	return nil
}

func postgresURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// checkClickHouse wants a word, or a URL whose scheme, host and path can be right; package index knows
// the parameters. It repeats no part of it, as checkDatabase.
func checkClickHouse(c ClickHouse) error {
	if c.Embedded() || c.Off() {
		return nil
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil && strings.Contains(c.URL, "://"):
		return errors.New("is not a URL: in a name or password, write @ : / ? # % as %40 %3A %2F %3F %23 %25")
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "clickhouse"}, u.Scheme):
		return errors.New("must be embedded, off, or a URL such as http://user:password@host:8123/tributary")
	case strings.Contains(strings.TrimPrefix(u.Path, "/"), "/"):
		return errors.New("must end with the name of a database, or with the host")
	}
	return nil
}

// checkLibcrypto wants a word or a path that does not depend on a working directory.
func checkLibcrypto(text string) error {
	if text == "auto" || text == "off" || filepath.IsAbs(text) {
		return nil
	}
	return fmt.Errorf("%q must be auto, off, or the absolute path of a libcrypto", text)
}

// check notes a fault if there is one.
func (l *loader) check(path string, err error) {
	if err != nil {
		l.fault(path, err)
	}
}

// documentBytes is the largest document that is read at all (ingest.MaxDocumentBytes).
const documentBytes = 256 << 10

func checkBodyMax(n Bytes) error {
	if n > documentBytes {
		return fmt.Errorf("is %s, and nothing larger than %s is read", n, Bytes(documentBytes))
	}
	return nil
}

func notEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// checkAddress wants host:port with a number as the port; an empty host means every address.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port between 0 and 65535", address)
	}
	if strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%q is not host:port", address)
	}
	return nil
}

// url brings the public URL into its one form: lower case, no default port, no slash at the end.
func (l *loader) url() {
	c := &l.config
	if c.URL == "" {
		if checkAddress(c.Listen) != nil {
			return // that is fault enough
		}
		c.URL = "http://" + c.Listen
		if !loopbackAddress(c.Listen) || strings.HasSuffix(c.Listen, ":0") {
			l.fault("url", fmt.Errorf("is needed when listen is %s, for example https://relay.example", c.Listen))
			return
		}
	}
	u, err := canonicalURL(c.URL)
	if err != nil {
		l.fault("url", err)
		return
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
		if !c.Dev { // dev says more about it
			l.fault("url", errors.New("must be https: other servers neither follow nor deliver to http"))
		}
		return
	}
	c.URL = u.String()
}

func canonicalURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not a URL such as https://relay.example", text)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q must be scheme and host only: ids are built below it", text)
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	for _, r := range host {
		if r > '~' {
			return nil, fmt.Errorf("%q has letters outside ASCII: write the host in its xn-- form", text)
		}
	}
	if port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return &url.URL{Scheme: u.Scheme, Host: host}, nil
}

// dev is for one machine: it opens private addresses to strangers' URLs and streams to everybody.
func (l *loader) dev() {
	c := &l.config
	const only = "dev is for one machine only, and %s can be reached from others"
	if !loopbackAddress(c.Listen) {
		l.fault("listen", fmt.Errorf(only, c.Listen))
	}
	if !loopbackAddress(c.DebugListen) {
		l.fault("debug_listen", fmt.Errorf(only, c.DebugListen))
	}
	if u, err := url.Parse(c.URL); err == nil && !loopbackHost(u.Hostname()) {
		l.fault("url", fmt.Errorf(only, c.URL))
	}
}

// https refuses what cannot prove who we are.
func (l *loader) https() {
	c := &l.config
	h := c.HTTPS
	own := h.ACME || h.CertFile != ""
	switch {
	case h.ACME && h.CertFile != "":
		l.fault("https.acme", errors.New("and https.cert_file: choose one"))
	case (h.CertFile == "") != (h.KeyFile == ""):
		l.fault("https.cert_file", errors.New("and https.key_file are needed together"))
	case own && !strings.HasPrefix(c.URL, "https://"):
		l.fault("https", fmt.Errorf("needs an https url, and url is %q", c.URL))
	case !own && h.RedirectListen != "":
		l.fault("https.redirect_listen", errors.New("needs https.acme or https.cert_file: without them there is nothing to lead to"))
	}
	if h.RedirectListen != "" {
		l.check("https.redirect_listen", checkAddress(h.RedirectListen))
	}
	if u, err := url.Parse(h.Directory); h.ACME && (err != nil || u.Scheme != "https" || u.Host == "") {
		l.fault("https.directory", fmt.Errorf("%q is not an https URL", h.Directory))
	}
}

// loopbackAddress says that only this machine reaches a listener.
func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

// loopbackHost knows the names of RFC 6761 §6.3 and the addresses.
func loopbackHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func (l *loader) kafka() {
	k := &l.config.Kafka
	l.check("kafka.topic", notEmpty(k.Topic))
	if len(k.Brokers) == 0 {
		l.fault("kafka.brokers", errors.New("must not be empty"))
	}
	if k.Embedded() {
		if k.Topic != "posts" {
			l.fault("kafka.topic", errors.New("the embedded broker has only the topic posts"))
		}
		if k.TLS.Enabled || k.SASL.Mechanism != "" {
			l.fault("kafka.brokers", errors.New("the embedded broker has neither TLS nor SASL: it is on a unix socket"))
		}
		return
	}
	for _, broker := range k.Brokers {
		host, _, _ := net.SplitHostPort(broker)
		if err := checkAddress(broker); err != nil || host == "" {
			l.fault("kafka.brokers", fmt.Errorf("%q is neither the word embedded alone nor host:port", broker))
		}
	}
	if (k.TLS.CertFile == "") != (k.TLS.KeyFile == "") {
		l.fault("kafka.tls.cert_file", errors.New("certificate and key come together"))
	}
	if k.SASL.Mechanism != "" && k.SASL.Username == "" {
		l.fault("kafka.sasl.username", errors.New("is needed to sign in"))
	}
}

var nodeName = regexp.MustCompile(`^[a-zA-Z0-9._-]{0,64}$`)

// roles refuses to split what embedded servers are for: they are in one node's data folder.
func (l *loader) roles() {
	c := &l.config
	if !nodeName.MatchString(c.Node) {
		l.fault("node", fmt.Errorf("%q is not a name of up to 64 letters, digits, . _ and -", c.Node))
	}
	if len(c.Roles) == 0 {
		l.fault("roles", errors.New("must not be empty"))
	}
	if c.AllRoles() {
		return
	}
	const alone = "the embedded %s is this node's own, so that it must have all roles: set %s to a server that the nodes share"
	if c.Kafka.Embedded() {
		l.fault("roles", fmt.Errorf(alone, "broker", "kafka.brokers"))
	}
	if !postgresURL(c.Database.URL) {
		l.fault("roles", fmt.Errorf(alone, "database", "database.url"))
	}
	if c.ClickHouse.Embedded() && (c.Role("index") || c.Role("api")) {
		l.fault("roles", fmt.Errorf(alone, "engine", "clickhouse.url"))
	}
}

// Role says whether this node has a role. A Config that was not loaded has all.
func (c Config) Role(name string) bool { return c.Roles == nil || slices.Contains(c.Roles, name) }

// AllRoles says that this node has every role.
func (c Config) AllRoles() bool {
	for _, name := range known().byPath["roles"].each {
		if !c.Role(name) {
			return false
		}
	}
	return true
}

// Warnings are things that work and are probably not meant.
func (c Config) Warnings() []string {
	var list []string
	u, _ := url.Parse(c.URL)
	if u != nil && u.Scheme == "http" && !c.Dev {
		list = append(list, "url is "+c.URL+": no other server can reach it; set url to this server's public https address, or dev to try things on this machine")
	}
	if !loopbackAddress(c.DebugListen) {
		list = append(list, "debug_listen is "+c.DebugListen+": keep profiles and metrics from the public")
	}
	if k := c.Kafka; k.SASL.Mechanism == "plain" && !k.TLS.Enabled {
		list = append(list, "kafka.sasl.mechanism is plain without kafka.tls.enabled: the password crosses the network as it is")
	}
	if u, err := url.Parse(c.ClickHouse.URL); err == nil && u.Host != "" && !loopbackHost(u.Hostname()) &&
		u.Scheme != "https" && !u.Query().Has("secure") {
		list = append(list, "clickhouse.url is without TLS: the network between may read everything; use https://, or clickhouse:// with ?secure=true")
	}
	if u, err := url.Parse(c.Database.URL); err == nil && postgresURL(c.Database.URL) && u.Host != "" && !loopbackHost(u.Hostname()) &&
		!strings.HasPrefix(u.Query().Get("sslmode"), "verify-") && u.Query().Get("sslmode") != "require" {
		list = append(list, "database.url does not demand TLS: the network between may read everything; add ?sslmode=verify-full, or sslmode=require")
	}
	return list
}
