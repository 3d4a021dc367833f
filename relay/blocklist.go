package relay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"tributary/ingest"
)

// Bounds of a block-list.
const (
	BlockListBytesMax   = 8 << 20
	blockListEntriesMax = 100_000
	blockListTextMax    = 500
	blockListNameMax    = 1024 // of a domain before punycode, in bytes
)

// ListedDomain is a line of a block-list.
type ListedDomain struct {
	Domain   string // lower case, punycode
	Severity string // "suspend" unless the list says otherwise: "silence", "noop"
	Comment  string // public, "" if there is none
	Line     int    // from 1
}

// SkippedLine is a line of a block-list that blocks nothing.
type SkippedLine struct {
	Line int    // from 1
	Text string // its beginning
	Why  string
}

// ParseBlockList reads a list of domains, in one of two forms: a CSV with a header
// as Mastodon exports it (#domain,#severity,…,#public_comment,…), in which the
// columns may stand in any order, or one domain on each line. Empty lines and
// those that begin with # are passed over. A domain that stands there twice counts
// once. Lines that cannot be read are returned; a list that is too large, or a CSV
// without a column of domains, is an error.
func ParseBlockList(r io.Reader) ([]ListedDomain, []SkippedLine, error) {
	text, err := io.ReadAll(io.LimitReader(r, BlockListBytesMax+1))
	if err != nil {
		return nil, nil, fmt.Errorf("relay: reading a block-list: %w", err)
	}
	if len(text) > BlockListBytesMax {
		return nil, nil, fmt.Errorf("relay: reading a block-list: %w: more than %d bytes", ErrBlockList, BlockListBytesMax)
	}
	list := blockList{seen: make(map[string]bool), severity: -1, comment: -1}
	rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	rows.FieldsPerRecord, rows.LazyQuotes, rows.TrimLeadingSpace = -1, true, true
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return list.domains, list.skipped, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("relay: reading a block-list: %w: %w", ErrBlockList, err)
		}
		if first && list.header(row) {
			continue
		}
		line, _ := rows.FieldPos(0)
		if list.add(row, line); len(list.domains) > blockListEntriesMax {
			return nil, nil, fmt.Errorf("relay: reading a block-list: %w: more than %d domains", ErrBlockList, blockListEntriesMax)
		}
		if len(list.skipped) > blockListEntriesMax {
			return nil, nil, fmt.Errorf("relay: reading a block-list: %w: more than %d lines that are no domains", ErrBlockList, blockListEntriesMax)
		}
	}
}

type blockList struct {
	domain, severity, comment int // columns; -1: there is none
	seen                      map[string]bool
	domains                   []ListedDomain
	skipped                   []SkippedLine
}

// header reads the names of the columns, if the first line has them.
func (l *blockList) header(row []string) bool {
	found := false
	for i, name := range row {
		switch strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "#") {
		case "domain", "instance", "host":
			l.domain, found = i, true
		case "severity":
			l.severity = i
		case "public_comment", "comment", "reason":
			l.comment = i
		}
	}
	return found
}

func (l *blockList) add(row []string, line int) {
	field := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	name := field(l.domain)
	if name == "" || strings.HasPrefix(name, "#") {
		return
	}
	skip := func(why string) { l.skipped = append(l.skipped, SkippedLine{line, cut(name), why}) }
	if strings.ContainsAny(name, "*?") {
		skip("the domain is obfuscated")
		return
	}
	if len(name) > blockListNameMax {
		skip(whyNotDomain) // not asked: punycode takes time with the square of the length
		return
	}
	scope, key, err := ParseBlockKey(name)
	if err != nil || scope != ingest.ScopeDomain {
		skip(whyNotDomain)
		return
	}
	if l.seen[key] {
		return
	}
	l.seen[key] = true
	severity := strings.ToLower(field(l.severity))
	if severity == "" {
		severity = SeveritySuspend
	}
	l.domains = append(l.domains, ListedDomain{Domain: key, Severity: cut(severity), Comment: cut(field(l.comment)), Line: line})
}

// Mastodon's names for a block of everything, and for one that hides.
const (
	SeveritySuspend = "suspend"
	severitySilence = "silence"
)

const whyNotDomain = "this is not a domain"

// cut bounds a stranger's text, at a rune.
func cut(s string) string {
	if len(s) <= blockListTextMax {
		return s
	}
	return strings.ToValidUTF8(s[:blockListTextMax], "")
}
