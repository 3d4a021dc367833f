package migrate

import (
	"encoding/json"
	"strings"
)

// aoderelay's admin API answers GET /api/v1/admin/connected, blocked and allowed
// (header X-Api-Token) with one list each; it says of a member its actor only.
type aodeAnswer struct {
	Connected []string `json:"connected_actors"`
	Blocked   []string `json:"blocked_domains"`
	Allowed   []string `json:"allowed_domains"`
}

func (a aodeAnswer) export() Export {
	e := Export{Software: AodeRelay, Allowed: a.Allowed}
	for _, actor := range a.Connected {
		// It keeps neither the Follow nor the software: the path tells Pleroma's relay actor.
		e.Members = append(e.Members, Member{Actor: actor, Announce: isRelayActor(actor)})
	}
	for _, domain := range a.Blocked {
		e.Blocked = append(e.Blocked, Domain{Name: domain})
	}
	return e
}

func parseAodeJSON(doc []byte) (Export, error) {
	var a aodeAnswer
	if err := json.Unmarshal(doc, &a); err != nil {
		return Export{}, err
	}
	return a.export(), nil
}

// parseAodeReport reads what "relay --list" prints: a title, and lists under Allowed,
// Blocked and Connected whose lines begin with a tab.
func parseAodeReport(text string) Export {
	var a aodeAnswer
	var list *[]string
	for line := range strings.Lines(text) {
		entry := strings.TrimSpace(line)
		switch {
		case entry == "":
		case strings.HasPrefix(line, "\t") && list != nil:
			*list = append(*list, entry)
		case entry == "Allowed":
			list = &a.Allowed
		case entry == "Blocked":
			list = &a.Blocked
		case entry == "Connected":
			list = &a.Connected
		default:
			list = nil
		}
	}
	return a.export()
}
