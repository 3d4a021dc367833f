package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// head is what a document says of itself at its top level, before anything of it is
// believed.
type head struct {
	id    string
	types []string
	owner string // of a key document: owner, controller, or publicKey's owner
}

// peek reads the head of a document. It refuses documents in which one of the
// members that it reads comes twice, in whatever case: two parsers could
// read two ids in them, and the one that was checked would not be the one that is used.
func peek(raw []byte) (head, error) {
	var h head
	members, err := topLevel(raw)
	if err != nil {
		return h, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	h.id = text(members["id"])
	h.types = texts(members["type"])
	h.owner = text(members["owner"])
	if h.owner == "" {
		h.owner = text(members["controller"])
	}
	if h.owner == "" && members["publickey"] != nil {
		if key, err := topLevel(members["publickey"]); err == nil {
			h.owner = text(key["owner"])
		}
	}
	return h, nil
}

func (h head) is(kind string) bool {
	for _, t := range h.types {
		if strings.TrimPrefix(t, "as:") == kind {
			return true
		}
	}
	return false
}

// heads are the members that topLevel returns, in the spelling that counts, by lower case.
var heads = map[string]string{
	"id": "id", "@id": "@id", "type": "type", "@type": "@type",
	"owner": "owner", "controller": "controller", "publickey": "publicKey",
}

// topLevel returns some members of an object, by lower-case name.
func topLevel(raw []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	members := make(map[string]json.RawMessage, len(heads))
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		if err := addMember(members, name.(string), value); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return members, nil
}

func addMember(members map[string]json.RawMessage, name string, value json.RawMessage) error {
	lower := strings.ToLower(name)
	spelling, ok := heads[lower]
	if !ok {
		return nil
	}
	// Both spellings of JSON-LD count as one.
	lower = strings.TrimPrefix(lower, "@")
	if _, twice := members[lower]; twice || name != spelling {
		return fmt.Errorf("member %.16q comes twice or misspelt", name)
	}
	members[lower] = value
	return nil
}

// text is a JSON string, or "".
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// texts is a JSON string or an array of them.
func texts(raw json.RawMessage) []string {
	if s := text(raw); s != "" {
		return []string{s}
	}
	var list []string
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}
