package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tributary/ingest"
	"tributary/ingest/remote"
	"tributary/ingest/state"
)

// ScopeSoftware is the scope of a block of all servers that say that they run a software.
// It is none of the log: such a block withdraws nothing.
const ScopeSoftware ingest.Scope = 100

// Block refuses an actor, a domain with its subdomains, or a software.
type Block struct {
	Scope   ingest.Scope // ScopeActor, ScopeDomain or ScopeSoftware
	Key     string       // actor URI; host in lower case and punycode, with a port only if one is meant; NodeInfo's name
	Reason  string       // public
	Note    string       // the operator's own
	List    string       // URL of the list that says so; "": the operator
	Created time.Time
}

// reasonOwn marks the block of an actor who blocked us: the actor's Undo ends it.
const reasonOwn = "the actor blocked this relay"

// Own reports whether the actor asked for it by a Block of ours.
func (b Block) Own() bool { return b.Reason == reasonOwn }

// spares reports whether who is blocked may still take something back: what it gave was
// not withdrawn when it was blocked, or it asked for the block itself.
func (b Block) spares() bool { return b.Own() || b.Scope == ScopeSoftware }

// ParseBlockKey reads what an operator typed: an actor's URI or a domain.
func ParseBlockKey(s string) (ingest.Scope, string, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil || hostOf(s) == "" || u.User != nil {
			return 0, "", fmt.Errorf("relay: reading %q: %w", s, ErrBlockKey)
		}
		if strings.Trim(u.Path, "/") == "" && u.RawQuery == "" {
			return 0, "", fmt.Errorf("relay: reading %q: %w: write a server as %s", s, ErrBlockKey, u.Host)
		}
		return ingest.ScopeActor, s, nil
	}
	host := hostOf("https://" + s)
	if host == "" || strings.ContainsAny(s, "/?#@") {
		return 0, "", fmt.Errorf("relay: reading %q: %w", s, ErrBlockKey)
	}
	return ingest.ScopeDomain, host, nil
}

// ParseSoftware reads the name of a software that an operator typed.
func ParseSoftware(s string) (string, error) {
	name, ok := remote.SoftwareName(s)
	if !ok {
		return "", fmt.Errorf("relay: reading %q: %w: software has a name such as mastodon", s, ErrBlockKey)
	}
	return name, nil
}

// Covers reports whether the block covers a host[:port] or an actor's URI on it. What a
// host runs it does not know.
func (b Block) Covers(host, actor string) bool {
	switch b.Scope {
	case ingest.ScopeActor:
		return actor == b.Key
	case ScopeSoftware:
		return false
	}
	for name := range parents(host) {
		if name == b.Key {
			return true
		}
	}
	return false
}

// Blocks is the list of who may not give us anything: the operator's own blocks, and
// the domains of lists that he subscribed to, but for hosts that he allowed. The tables blocks
// and listed are the truth, what each inbox request asks is in memory. Safe for concurrent use.
type Blocks struct {
	db      *state.DB
	allowed *AllowList
	current atomic.Pointer[blockSet]
	failing atomic.Int64 // lists whose last refresh failed
	mu      sync.Mutex   // held while the copy is read anew
}

type blockSet struct {
	all      []Block // the operator's own
	actors   map[string]Block
	domains  map[string]Block
	software map[string]Block
	listed   map[string]Block // domains of lists
	versions map[string]int64 // of the lists, by URL
}

func newBlocks(ctx context.Context, db *state.DB, allowed *AllowList) (*Blocks, error) {
	b := &Blocks{db: db, allowed: allowed}
	b.current.Store(&blockSet{})
	return b, b.Refresh(ctx)
}

// List returns all blocks: the operator's own, oldest first, and what only lists block, by
// name. The caller must not change it.
func (b *Blocks) List() []Block {
	set := b.current.Load()
	if len(set.listed) == 0 {
		return set.all
	}
	list := make([]Block, 0, len(set.all)+len(set.listed))
	for key, block := range set.listed {
		if _, own := set.domains[key]; !own {
			list = append(list, block)
		}
	}
	slices.SortFunc(list, func(x, y Block) int { return strings.Compare(x.Key, y.Key) })
	return slices.Concat(set.all, list)
}

// Count is how many there are; a domain that two say counts twice.
func (b *Blocks) Count() int {
	set := b.current.Load()
	return len(set.all) + len(set.listed)
}

// Host returns the block that covers a host[:port].
func (b *Blocks) Host(host string) (Block, bool) {
	set := b.current.Load()
	if block, ok := covering(set.domains, host); ok || len(set.listed) == 0 {
		return block, ok
	}
	block, ok := covering(set.listed, host)
	if ok && b.allowed.Host(host) {
		return Block{}, false
	}
	return block, ok
}

func covering(domains map[string]Block, host string) (Block, bool) {
	if len(domains) == 0 {
		return Block{}, false
	}
	for name := range parents(host) {
		if block, ok := domains[name]; ok {
			return block, true
		}
	}
	return Block{}, false
}

// own reports whether the operator blocks a domain himself.
func (b *Blocks) own(domain string) bool {
	_, ok := covering(b.current.Load().domains, domain)
	return ok
}

// Actor returns the block that covers an actor: its own or its host's.
func (b *Blocks) Actor(uri string) (Block, bool) {
	if block, ok := b.current.Load().actors[uri]; ok {
		return block, true
	}
	return b.Host(hostOf(uri))
}

// Software returns the block of a software.
func (b *Blocks) Software(name string) (Block, bool) {
	block, ok := b.current.Load().software[name]
	return block, ok
}

// bySoftware reports whether any software is blocked.
func (b *Blocks) bySoftware() bool { return len(b.current.Load().software) > 0 }

// parents yields the names under which a host may be blocked: itself with its
// port, and itself and each domain above it without.
func parents(host string) func(func(string) bool) {
	return func(yield func(string) bool) {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			if !yield(host) {
				return
			}
			name = h
		}
		for name = strings.TrimSuffix(name, "."); name != ""; {
			if !yield(name) {
				return
			}
			_, name, _ = strings.Cut(name, ".")
		}
	}
}

// Refresh reads the tables anew; of listed what has changed.
func (b *Blocks) Refresh(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	listed, versions, err := b.readListed(ctx)
	if err != nil {
		return err
	}
	rows, err := b.db.Read().QueryContext(ctx, `SELECT scope, key, reason, note, created_at FROM blocks ORDER BY created_at, key`)
	if err != nil {
		return fmt.Errorf("relay: listing blocks: %w", err)
	}
	defer rows.Close()
	set := &blockSet{actors: make(map[string]Block), domains: make(map[string]Block), software: make(map[string]Block), listed: listed, versions: versions}
	for rows.Next() {
		var block Block
		var created int64
		if err := rows.Scan(&block.Scope, &block.Key, &block.Reason, &block.Note, &created); err != nil {
			return fmt.Errorf("relay: listing blocks: %w", err)
		}
		block.Created = time.UnixMilli(created).UTC()
		set.all = append(set.all, block)
		switch block.Scope {
		case ingest.ScopeActor:
			set.actors[block.Key] = block
		case ScopeSoftware:
			set.software[block.Key] = block
		default:
			set.domains[block.Key] = block
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("relay: listing blocks: %w", err)
	}
	b.current.Store(set)
	return nil
}

// readListed returns what lists say, and the versions of the lists. It is what was there
// before if no version has changed: lists are long.
func (b *Blocks) readListed(ctx context.Context) (map[string]Block, map[string]int64, error) {
	versions := make(map[string]int64)
	failing := int64(0)
	err := b.each(ctx, `SELECT url, changed_at, failures FROM block_lists`, func(scan func(...any) error) error {
		var url string
		var version, failures int64
		err := scan(&url, &version, &failures)
		versions[url] = version
		failing += min(failures, 1)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	b.failing.Store(failing)
	if old := b.current.Load(); maps.Equal(old.versions, versions) {
		return old.listed, versions, nil
	}
	listed := make(map[string]Block)
	err = b.each(ctx, `SELECT list, domain, reason, created_at FROM listed`, func(scan func(...any) error) error {
		block := Block{Scope: ingest.ScopeDomain}
		var created int64
		err := scan(&block.List, &block.Key, &block.Reason, &created)
		block.Created = time.UnixMilli(created).UTC()
		if other, twice := listed[block.Key]; !twice || block.List < other.List {
			listed[block.Key] = block
		}
		return err
	})
	return listed, versions, err
}

func (b *Blocks) each(ctx context.Context, query string, f func(scan func(...any) error) error) error {
	rows, err := b.db.Read().QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("relay: listing blocks of lists: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return fmt.Errorf("relay: listing blocks of lists: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("relay: listing blocks of lists: %w", err)
	}
	return nil
}

// add stores a block; a repeated one gets the new reason and note.
func (b *Blocks) add(ctx context.Context, block Block, also func(*sql.Tx) error) error {
	return b.addAll(ctx, []Block{block}, also)
}

// addAll stores blocks in one transaction.
func (b *Blocks) addAll(ctx context.Context, blocks []Block, also func(*sql.Tx) error) error {
	err := b.db.Write(ctx, func(tx *sql.Tx) error {
		for _, block := range blocks {
			if _, err := tx.ExecContext(ctx, `INSERT INTO blocks (scope, key, reason, note, created_at)
				VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (scope, key) DO UPDATE SET reason = excluded.reason, note = excluded.note`,
				block.Scope, block.Key, block.Reason, block.Note, time.Now().UnixMilli()); err != nil {
				return fmt.Errorf("relay: blocking %s: %w", block.Key, err)
			}
		}
		return also(tx)
	})
	if err != nil {
		return err
	}
	return b.Refresh(context.WithoutCancel(ctx))
}

// remove ends a block, only one with this reason unless it is "".
func (b *Blocks) remove(ctx context.Context, scope ingest.Scope, key, reason string, also func(*sql.Tx) error) error {
	err := b.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM blocks WHERE scope = $1 AND key = $2 AND ($3 = '' OR reason = $3)`, scope, key, reason)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotBlocked)
		}
		return also(tx)
	})
	if err != nil {
		return fmt.Errorf("relay: unblocking %s: %w", key, err)
	}
	return b.Refresh(context.WithoutCancel(ctx))
}
