package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Software is what a server says that it runs (NodeInfo). It proves nothing.
type Software struct {
	Name    string // lower case: a-z, 0-9, and - _ . or a blank within
	Version string // printable ASCII, "" if it says none
}

// Bounds of what is kept of a stranger's words.
const (
	maxSoftwareName    = 64
	maxSoftwareVersion = 64
	maxNodeInfoLinks   = 16
)

// nodeInfoSchema is followed by 2.0, 2.1 …; what we read is in all of them, and in 1.x.
const nodeInfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"

// NodeInfo asks a server what it runs, by two GETs (NodeInfo 2.1, §§2–5). Server is any URL of it.
// The second document must be on the host that served the first one. It is not
// cached. What a server writes that cannot be read is ErrMalformed.
func (c *Client) NodeInfo(ctx context.Context, server string) (Software, error) {
	if err := c.begin(); err != nil {
		return Software{}, err
	}
	defer c.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.lifetime, cancel)()

	began := time.Now()
	software, err := c.nodeInfo(ctx, server)
	c.metrics.fetched("nodeinfo", err, time.Since(began))
	return software, err
}

func (c *Client) nodeInfo(ctx context.Context, server string) (Software, error) {
	u, err := c.parse(server)
	if err != nil {
		return Software{}, err
	}
	u.Path, u.RawPath, u.RawQuery = "/.well-known/nodeinfo", "", ""
	links, err := c.get(ctx, u.String(), forNodeInfo)
	if err != nil {
		return Software{}, err
	}
	href, err := nodeInfoLink(links.raw)
	if err != nil {
		return Software{}, err
	}
	if href, err = besides(links.url, href); err != nil {
		return Software{}, err
	}
	doc, err := c.get(ctx, href, forNodeInfo)
	if err != nil {
		return Software{}, err
	}
	return parseNodeInfo(doc.raw)
}

// besides is a link of the document at from, which must lead to the same host. Servers
// behind a proxy that does TLS write http, so the scheme is that of from.
func besides(from, link string) (string, error) {
	base, err := url.Parse(from)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u, err := base.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u.Scheme = base.Scheme
	to, err := normal(u.String())
	if err != nil {
		return "", err
	}
	if to.Host != base.Host {
		return "", fmt.Errorf("%w: NodeInfo of %.100s is on %.100s", ErrMismatch, base.Host, to.Host)
	}
	return to.String(), nil
}

// nodeInfoLink is the link to the newest schema, preferably 2.x.
func nodeInfoLink(raw []byte) (string, error) {
	var doc struct {
		Links []json.RawMessage `json:"links"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return "", fmt.Errorf("%w: NodeInfo links: %w", ErrMalformed, err)
	}
	best, href := "", ""
	for _, one := range doc.Links[:min(len(doc.Links), maxNodeInfoLinks)] {
		var link struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		}
		if json.Unmarshal(one, &link) != nil || link.Href == "" {
			continue // others may do
		}
		schema, ok := strings.CutPrefix(strings.Replace(link.Rel, "https://", "http://", 1), nodeInfoSchema)
		if ok && schema > best {
			best, href = schema, link.Href
		}
	}
	if href == "" {
		return "", fmt.Errorf("%w: no link to a NodeInfo", ErrMalformed)
	}
	return href, nil
}

// parseNodeInfo reads the software of a NodeInfo document, and nothing else of it: servers
// take liberties with the rest.
func parseNodeInfo(raw []byte) (Software, error) {
	var doc struct {
		Software struct {
			Name    string          `json:"name"`
			Version json.RawMessage `json:"version"`
		} `json:"software"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Software{}, fmt.Errorf("%w: NodeInfo: %w", ErrMalformed, err)
	}
	name, ok := SoftwareName(doc.Software.Name)
	if !ok {
		return Software{}, fmt.Errorf("%w: NodeInfo names no software", ErrMalformed)
	}
	return Software{Name: name, Version: versionText(text(doc.Software.Version))}, nil
}

// SoftwareName is the form of a name that Software has; false if none has it.
func SoftwareName(s string) (string, bool) {
	name := strings.ToLower(strings.TrimSpace(s))
	return name, isSoftwareName(name)
}

func isSoftwareName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte("-_. ", c) < 0) {
			return false
		}
	}
	return s != "" && len(s) <= maxSoftwareName
}

// versionText is what of a version may be shown in a terminal.
func versionText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), 4*maxSoftwareVersion)])
	return s[:min(len(s), maxSoftwareVersion)]
}
