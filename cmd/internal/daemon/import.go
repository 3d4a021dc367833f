package daemon

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tributary/cmd/internal/config"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/relay"
	"tributary/relay/delivery"
	"tributary/relay/migrate"
)

// ImportOptions say what is imported.
type ImportOptions struct {
	Paths      []string // files of another relay
	KeyPath    string   // of its actor's key; "": what the files hold
	ReplaceKey bool     // even if there are subscribers that know another one
	DryRun     bool     // say what would be done, write nothing
	Program    string   // version
	Progress   func(Progress)
}

// ImportReport says what was imported, or would be.
type ImportReport struct {
	DryRun bool   `json:"dry_run"`
	From   string `json:"from"` // Activity-Relay, aoderelay or ActivityRelay
	URL    string `json:"url"`

	Key         relay.KeyChange  `json:"key"`         // kept, known, set or replaced
	KeyBits     int              `json:"key_bits"`    // of what was given; 0: none
	Subscribers []ImportedMember `json:"subscribers"` // that were not here
	Blocked     []string         `json:"blocked"`     // domains that were not blocked
	Allowed     []string         `json:"allowed"`     // domains that were not allowed
	Known       int              `json:"known"`       // of all these, that were here already
	FollowsBack int              `json:"follows_back"`
	Skipped     []relay.Skipped  `json:"skipped"`
}

// ImportedMember is a subscriber that was taken from another relay.
type ImportedMember struct {
	Actor string `json:"actor"`
	Inbox string `json:"inbox"`
	State string `json:"state"` // accepted or pending
	Style string `json:"style"` // forward (Mastodon) or announce (LitePub)
	Role  string `json:"role"`
}

// Import takes the subscribers and the key of another relay, whose place this one takes: its
// url must be the other's. The program must not run on the data directory, for it holds the
// key in memory. Nothing is written before the files were read and the actors fetched; then
// it is one transaction: relay.TakeOver.
func Import(ctx context.Context, cfg config.Config, o ImportOptions, log *slog.Logger) (report ImportReport, err error) {
	i := importing{ImportOptions: o, cfg: cfg, log: log}
	if i.community, err = relay.NewCommunity(cfg.URL); err != nil {
		return report, err
	}
	if err := i.read(ctx); err != nil {
		return report, err
	}
	data, database, err := i.open(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, data()) }()
	db, err := state.Open(ctx, database, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return i.run(ctx, db)
}

type importing struct {
	ImportOptions
	cfg       config.Config
	log       *slog.Logger
	community relay.Community
	export    migrate.Export
	key       *rsa.PrivateKey // nil: none was given
}

// read reads all files, and compares them with the configuration.
func (i *importing) read(ctx context.Context) (err error) {
	if i.export, err = migrate.Read(ctx, i.Paths...); err != nil {
		return err
	}
	if host := strings.ToLower(i.export.Host); host != "" && host != i.community.Host() {
		return fmt.Errorf("import: the relay of these files is %s, and url is %s: its subscribers would not find it", host, i.community.Base())
	}
	text, from := i.export.Key, "the key in the files"
	if i.KeyPath != "" {
		from = i.KeyPath
		if text, err = readKeyFile(i.KeyPath); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	if i.key, err = migrate.ParseKey(text); err != nil {
		return fmt.Errorf("import: %s: %w", from, err)
	}
	return nil
}

const keyFileBytesMax = 64 << 10

func readKeyFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("import: the key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > keyFileBytesMax {
		return "", fmt.Errorf("import: %s is no key: not a file, or larger than %d bytes", path, keyFileBytesMax)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// open locks the data directory and names the database in it. A dry run on a directory that
// is not there makes none.
func (i *importing) open(ctx context.Context) (done func() error, database string, err error) {
	_, err = os.Stat(i.cfg.Data)
	if i.DryRun && errors.Is(err, os.ErrNotExist) {
		dir, err := os.MkdirTemp("", "tributary-import-")
		if err != nil {
			return nil, "", fmt.Errorf("import: %w", err)
		}
		database = i.cfg.Database.URL
		if strings.HasPrefix(database, "sqlite:") {
			database = "sqlite:" + filepath.Join(dir, "state.db")
		}
		return func() error { return os.RemoveAll(dir) }, database, nil
	}
	data, err := openDataDir(ctx, i.cfg.Data)
	if errors.Is(err, ErrInUse) {
		err = fmt.Errorf("import: stop the relay first, for it holds its key in memory: %w", err)
	}
	if err != nil {
		return nil, "", err
	}
	return data.close, i.cfg.Database.URL, nil
}

func (i *importing) run(ctx context.Context, db *state.DB) (ImportReport, error) {
	client := remote.New(remote.Config{
		AllowPrivate: i.cfg.Dev, AllowHTTP: i.cfg.Dev,
		UserAgent: "Tributary/" + i.Program + " (+" + i.community.Base() + ")",
	}, i.signer(), nil, i.log, nil)
	defer client.Close()
	plan, skipped, err := migrate.Plan(ctx, i.export, client, func(done, total int) {
		if i.Progress != nil {
			i.Progress(Progress{Step: "fetch actors", Done: int64(done), Total: int64(total)})
		}
	})
	if err != nil {
		return ImportReport{}, err
	}
	plan.Key, plan.ReplaceKey = i.key, i.ReplaceKey
	taken, err := relay.TakeOver(ctx, db, i.community, delivery.Enqueue, plan, i.DryRun)
	if err != nil {
		return ImportReport{}, err
	}
	taken.Skipped = append(skipped, taken.Skipped...)
	return i.report(taken), nil
}

// signer signs the fetches by the key that the other relay's actor shows, if it was given.
func (i *importing) signer() *signature.Signer {
	if i.key == nil {
		return nil
	}
	return signature.NewSigner(i.community.KeyID(), i.key, runtime.GOMAXPROCS(0))
}

func (i *importing) report(t relay.TakenOver) ImportReport {
	r := ImportReport{
		DryRun: i.DryRun, From: i.export.Software, URL: i.community.Base(), Key: t.Key, Known: t.Known, FollowsBack: t.FollowsBack,
		Subscribers: []ImportedMember{}, Blocked: []string{}, Allowed: []string{}, Skipped: append([]relay.Skipped{}, t.Skipped...),
	}
	if i.key != nil {
		r.KeyBits = i.key.N.BitLen()
	}
	for _, s := range t.Subscribers {
		style := "forward"
		if s.Style == delivery.StyleAnnounce {
			style = "announce"
		}
		r.Subscribers = append(r.Subscribers, ImportedMember{Actor: s.Actor, Inbox: s.Delivery, State: s.State, Style: style, Role: string(s.Role)})
	}
	for _, b := range t.Blocks {
		name := b.Key
		if b.Scope == relay.ScopeSoftware {
			name = "software " + name
		}
		r.Blocked = append(r.Blocked, name)
	}
	for _, a := range t.Allowed {
		r.Allowed = append(r.Allowed, a.Domain)
	}
	return r
}
