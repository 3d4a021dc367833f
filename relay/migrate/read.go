package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Read reads the files of one relay, which may be several. Whose they are is found in
// them. A relay.yaml brings the database that it names, unless that is given as well.
// The errors are those of the files, ErrFormat, ErrMixed and ErrLarge.
func Read(ctx context.Context, paths ...string) (Export, error) {
	var e Export
	database, needsTables := "", ""
	for _, path := range paths {
		part, named, err := readFile(ctx, path)
		if err == nil {
			err = e.add(part)
		}
		if err != nil {
			return Export{}, fmt.Errorf("migrate: %s: %w", path, err)
		}
		switch {
		case named != "":
			database = named
		case part.Software == ActivityRelayPython && isYAML(path):
			needsTables = path
		}
	}
	if len(e.Members) > 0 || e.Key != "" {
		return e, nil
	}
	if needsTables != "" {
		return Export{}, fmt.Errorf("migrate: %s: %w: %s", needsTables, ErrFormat, postgresHint)
	}
	if database == "" {
		return e, nil
	}
	part, _, err := readFile(ctx, database)
	if err == nil {
		err = e.add(part)
	}
	if err != nil {
		return Export{}, fmt.Errorf("migrate: %s, which relay.yaml names: %w", database, err)
	}
	return e, nil
}

// readFile reads one file, and names another one that must be read then.
func readFile(ctx context.Context, path string) (e Export, database string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Export{}, "", withoutPath(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	magic := make([]byte, len(sqliteMagic))
	n, err := io.ReadFull(f, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Export{}, "", withoutPath(err)
	}
	if string(magic[:n]) == sqliteMagic {
		e, err = readSQLite(ctx, path)
		return e, "", err
	}
	text, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(magic[:n]), f), fileBytesMax+1))
	if err != nil {
		return Export{}, "", withoutPath(err)
	}
	if len(text) > fileBytesMax {
		return Export{}, "", fmt.Errorf("%w: more than %d bytes", ErrLarge, fileBytesMax)
	}
	e, database, err = parse(text, isYAML(path))
	if err != nil || database == "" {
		return e, "", err
	}
	return e, beside(path, database), nil
}

func isYAML(path string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(path)))
}

// withoutPath is what went wrong with a file whose name is said anyway.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// parse finds out whose text it is. It names a database that must be read as well.
func parse(text []byte, named bool) (e Export, database string, err error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	switch {
	case bytes.HasPrefix(text, []byte("REDIS0")):
		return Export{}, "", fmt.Errorf("%w: it is a redis dump in redis' own format, which only redis reads: %s", ErrFormat, redisHint)
	case named:
		return parsePythonYAML(text)
	case bytes.HasPrefix(text, []byte(redisPrefix)):
		e, err = parseRedisText(string(text))
		return e, "", err
	case bytes.HasPrefix(text, []byte("Report:")):
		return parseAodeReport(string(text)), "", nil
	}
	doc, ok := document(text)
	if !ok {
		return Export{}, "", fmt.Errorf("%w: neither JSON, nor a relay.yaml, nor what redis-cli prints", ErrFormat)
	}
	e, err = parseJSON(doc)
	return e, "", err
}

const redisHint = `start a redis-server on it, and give what this writes
  for k in $(redis-cli --scan --pattern 'relay:*'); do case $k in relay:config:*|relay:subscription:*|relay:follower:*|relay:pending:*) echo "$k"; redis-cli hgetall "$k";; esac; done > relay-redis.txt`

// document is the JSON object in a text. Activity-Relay prints its own to the standard
// error, between lines of its log.
func document(text []byte) (doc []byte, ok bool) {
	at := 0
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if at = bytes.Index(text, []byte("\n{")); at < 0 {
			return nil, false
		}
	}
	var raw json.RawMessage
	if json.NewDecoder(bytes.NewReader(text[at:])).Decode(&raw) != nil {
		return nil, false
	}
	return raw, true
}

func parseJSON(doc []byte) (e Export, err error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(doc, &keys); err != nil {
		return Export{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := keys[n]; return ok })
	}
	switch {
	case has("connected_actors", "blocked_domains", "allowed_domains"):
		e, err = parseAodeJSON(doc)
	case has("relay-list", "actorKeys"):
		e, err = parsePythonJSON(doc)
	case has("inboxes"):
		e, err = parsePythonTables(doc)
	case has("relayConfig", "subscriptions", "followers"):
		e, err = parseActivityRelay(doc)
	default:
		return Export{}, fmt.Errorf("%w: its JSON has none of their keys", ErrFormat)
	}
	if err != nil {
		return Export{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return e, nil
}

// bounded is a text of a file, short enough to be shown.
func bounded(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "")
}
