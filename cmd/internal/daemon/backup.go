package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tributary/cmd/internal/archive"
	"tributary/cmd/internal/config"
	"tributary/ingest/state"
)

// A manifest is the first entry of a backup.
type manifest struct {
	Format   string           `json:"format"`
	Version  int              `json:"version"` // of the format
	Program  string           `json:"program"` // its version
	Created  time.Time        `json:"created"`
	URL      string           `json:"url"` // public base URL: every actor, key and id begins with it
	Database databaseManifest `json:"database"`
	Log      *logManifest     `json:"log,omitempty"`
}

type databaseManifest struct {
	Kind      string        `json:"kind"` // sqlite or postgres; it can be restored to either
	Migration int           `json:"migration"`
	Tables    []state.Table `json:"tables"`
}

const (
	backupFormat  = "tributary backup"
	backupVersion = 1
)

// Entries of a backup, besides those of rows: state/TABLE/NUMBER, log/NUMBER.
const (
	manifestEntry = "manifest.json"
	configEntry   = "config.yaml"  // the file, if there was one
	settingsEntry = "settings.txt" // what was in force, without secrets
	tablePrefix   = "state/"
	logPrefix     = "log/"
)

// BackupOptions say what a backup holds and where it goes.
type BackupOptions struct {
	Path     string // of the file, which must not exist
	Log      bool   // also the log
	DryRun   bool   // read everything, write nothing
	Config   string // path of the configuration file; "" if there is none
	Origins  config.Origins
	Program  string // version
	Progress func(Progress)
}

// Progress is told about long work.
type Progress struct {
	Step        string // what is done
	Done, Total int64  // of rows, records or bytes
}

// BackupReport says what a backup holds.
type BackupReport struct {
	File    string `json:"file"`
	Bytes   int64  `json:"bytes"`
	Tables  int    `json:"tables"`
	Rows    int64  `json:"rows"`
	Records int64  `json:"log_records"`
	URL     string `json:"url"`
}

// Backup writes the state database (keys, subscribers, tokens, positions), the configuration, and on demand
// the log into one file. It reads the database directly, as of one moment, whether the program runs or
// not: there is nothing that the program would have to do for it.
//
// How far the log is read is decided after the moment of the database, so that it is never older than the
// positions.
func Backup(ctx context.Context, cfg config.Config, o BackupOptions, log *slog.Logger) (report BackupReport, err error) {
	path := o.Path
	if o.DryRun {
		path = ""
	}
	w, err := archive.Create(path)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }() // nothing after Commit
	b := backup{BackupOptions: o, cfg: cfg, log: log, w: w}
	b.report.File = path
	if err := b.write(ctx); err != nil {
		return b.report, err
	}
	err = w.Commit()
	b.report.Bytes = w.Size()
	return b.report, err
}

type backup struct {
	BackupOptions
	cfg    config.Config
	log    *slog.Logger
	w      *archive.Writer
	report BackupReport
}

func (b *backup) write(ctx context.Context) (err error) {
	s, err := state.OpenSnapshot(ctx, b.cfg.Database.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if b.report.URL, err = b.home(ctx, s); err != nil {
		return err
	}
	x, closeLog, err := b.openExport(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	m := manifest{
		Format: backupFormat, Version: backupVersion, Program: b.Program, Created: time.Now().UTC(), URL: b.report.URL,
		Database: databaseManifest{Kind: databaseKind(b.cfg.Database.URL), Migration: s.Version, Tables: s.Tables},
	}
	if x != nil {
		m.Log = &logManifest{Start: x.Start, End: x.End}
	}
	if err := b.addJSON(manifestEntry, m); err != nil {
		return err
	}
	if err := b.configuration(); err != nil {
		return err
	}
	for _, t := range s.Tables {
		if err := b.table(ctx, s, t); err != nil {
			return err
		}
	}
	return b.records(ctx, x)
}

// home is the public base URL of the relay whose database it is: that of its actor, whose key is there. The
// configuration tells only what the command was told, which may be less than serve was.
func (b *backup) home(ctx context.Context, s *state.Snapshot) (string, error) {
	home := b.cfg.URL
	i := slices.IndexFunc(s.Tables, func(t state.Table) bool { return t.Name == "keys" })
	if i < 0 {
		return home, nil
	}
	keys := s.Tables[i]
	actor := slices.IndexFunc(keys.Columns, func(c state.Column) bool { return c.Name == "actor" })
	first := true
	err := s.Rows(ctx, keys, func(values []any) error {
		uri, _ := values[actor].(string)
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" {
			return nil
		}
		if base := u.Scheme + "://" + u.Host; first || base == b.cfg.URL {
			home, first = base, false
		}
		return nil
	})
	return home, err
}

func databaseKind(dsn string) string {
	if strings.HasPrefix(dsn, "sqlite:") {
		return "sqlite"
	}
	return "postgres"
}

func (b *backup) addJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return b.w.Add(name, text)
}

// configuration adds the file as it is, and what was in force, whatever said it.
func (b *backup) configuration() error {
	if b.Config != "" {
		text, err := os.ReadFile(b.Config)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		if err := b.w.Add(configEntry, text); err != nil {
			return err
		}
	}
	var settings bytes.Buffer
	if err := config.Report(&settings, b.cfg, b.Origins); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return b.w.Add(settingsEntry, settings.Bytes())
}

func (b *backup) table(ctx context.Context, s *state.Snapshot, t state.Table) error {
	total, err := s.Count(ctx, t)
	if err != nil {
		return err
	}
	parts := b.w.Parts(tablePrefix + t.Name)
	var done int64
	err = s.Rows(ctx, t, func(values []any) error {
		if done++; done%progressRows == 0 {
			b.tell(t.Name, done, total)
		}
		return parts.Row(values)
	})
	if err != nil {
		return err
	}
	n, err := parts.Close()
	b.report.Tables++
	b.report.Rows += n
	b.tell(t.Name, n, n)
	return err
}

// progressRows is after how many rows progress is told.
const progressRows = 10_000

func (b *backup) tell(step string, done, total int64) {
	if b.Progress != nil {
		b.Progress(Progress{Step: step, Done: done, Total: total})
	}
}
