package relay

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	nodeinfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"
	relApplication = "https://www.w3.org/ns/activitystreams#Application" // FEP-2677
)

// Usage is what NodeInfo tells of the people and posts of this server.
type Usage struct {
	Users          int // hosted accounts
	ActiveHalfyear int
	ActiveMonth    int
	LocalPosts     int // posts written by hosted accounts, not what passed through
}

// nodeinfoLinks is /.well-known/nodeinfo: both documents, and by FEP-2677 the
// actor that speaks for the server.
func nodeinfoLinks(c Community) (*document, error) {
	type link struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	body, err := json.Marshal(map[string][]link{"links": {
		{Rel: nodeinfoSchema + "2.0", Href: c.base + "/nodeinfo/2.0"},
		{Rel: nodeinfoSchema + "2.1", Href: c.base + "/nodeinfo/2.1"},
		{Rel: relApplication, Href: c.Actor()},
	}})
	if err != nil {
		return nil, fmt.Errorf("relay: encoding nodeinfo links: %w", err)
	}
	return newDocument("application/json", body), nil
}

type nodeinfoDocument struct {
	Version           string           `json:"version"`
	Software          nodeinfoSoftware `json:"software"`
	Protocols         []string         `json:"protocols"`
	Services          nodeinfoServices `json:"services"`
	OpenRegistrations bool             `json:"openRegistrations"`
	Usage             nodeinfoUsage    `json:"usage"`
	Metadata          map[string]any   `json:"metadata"`
}

// nodeinfoSoftware: repository and homepage exist from 2.1 on, and 2.0 forbids
// properties that it does not know.
type nodeinfoSoftware struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository,omitempty"`
	Homepage   string `json:"homepage,omitempty"`
}

type nodeinfoServices struct {
	Inbound  []string `json:"inbound"`
	Outbound []string `json:"outbound"`
}

type nodeinfoUsage struct {
	Users struct {
		Total          int `json:"total"`
		ActiveHalfyear int `json:"activeHalfyear"`
		ActiveMonth    int `json:"activeMonth"`
	} `json:"users"`
	LocalPosts int `json:"localPosts"`
}

// nodeinfo serves one schema version, "2.0" or "2.1". The counts are read at
// each request; they are in memory.
func nodeinfo(version string, cfg Config, subscribers func() int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc := nodeinfoDocument{
			Version:   version,
			Software:  nodeinfoSoftware{Name: "tributary", Version: cfg.Version},
			Protocols: []string{"activitypub"},
			Services:  nodeinfoServices{Inbound: []string{}, Outbound: []string{}},
			Metadata: map[string]any{
				"nodeName":        cfg.Name,
				"nodeDescription": cfg.Summary,
				"relay":           true,
				"subscribers":     subscribers(),
			},
		}
		if version == "2.1" {
			doc.Software.Repository, doc.Software.Homepage = cfg.Repository, cfg.Homepage
		}
		u := cfg.usage(r.Context())
		doc.Usage.Users.Total = u.Users
		doc.Usage.Users.ActiveHalfyear = u.ActiveHalfyear
		doc.Usage.Users.ActiveMonth = u.ActiveMonth
		doc.Usage.LocalPosts = u.LocalPosts
		body, err := json.Marshal(doc)
		if err != nil {
			writeError(w, http.StatusInternalServerError, "internal error")
			return
		}
		newDocument(`application/json; profile="`+nodeinfoSchema+version+`#"`, body).ServeHTTP(w, r)
	})
}
