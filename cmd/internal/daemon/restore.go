package daemon

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"tributary/cmd/internal/archive"
	"tributary/cmd/internal/config"
	"tributary/ingest"
	"tributary/ingest/state"
)

// ErrRestoring says that a restore into the data directory did not come to its end.
var ErrRestoring = errors.New("a restore into it was not finished: empty it, and the database if that is not in it, and restore again")

// restoringName is the file that says so. It is the first that a restore makes, and the last that it removes.
const restoringName = "restore-unfinished"

// RestoreOptions say what is restored.
type RestoreOptions struct {
	Path     string // of the backup
	DryRun   bool   // verify everything, write nothing
	SkipLog  bool   // leave out the log, if the backup has it
	SaidURL  bool   // cfg.URL was said by somebody, and must be the backup's
	Progress func(Progress)
}

// RestoreReport says what was restored.
type RestoreReport struct {
	manifest
	Tables  int   `json:"tables"`
	Rows    int64 `json:"rows"`
	Records int64 `json:"log_records"`
}

// Restore makes the state database of a data directory that is empty, and the log if the backup has
// it. The program must not run on either. Nothing is written before all of the backup was read and found
// to be what was written.
//
// Crash, or an error after the first write: the directory holds restoringName, and the program does not
// start on it.
func Restore(ctx context.Context, cfg config.Config, o RestoreOptions, log *slog.Logger) (report RestoreReport, err error) {
	from, err := archive.Open(o.Path)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	r := restore{RestoreOptions: o, cfg: cfg, log: log, from: from}
	if err := r.verify(ctx); err != nil {
		return r.report, err
	}
	if o.SaidURL && cfg.URL != r.report.URL {
		return r.report, fmt.Errorf("restore: the backup is of %s, and url is %s: ids that other servers store would not be answered", r.report.URL, cfg.URL)
	}
	if err := vacant(cfg.Data); err != nil {
		return r.report, err
	}
	if err := r.logVacant(ctx); err != nil || o.DryRun {
		return r.report, err
	}
	data, err := openDataDir(ctx, cfg.Data)
	if err != nil {
		return r.report, err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	r.data = data
	return r.report, r.write(ctx)
}

type restore struct {
	RestoreOptions
	cfg    config.Config
	log    *slog.Logger
	from   *archive.Reader
	data   *dataDir
	report RestoreReport
}

// vacant refuses a directory that holds anything but what an empty one may.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(path, restoringName)); err == nil {
		return fmt.Errorf("data directory %s: %w", path, ErrRestoring)
	}
	for _, e := range entries {
		switch e.Name() {
		case "lock", "lost+found": // of a program that ended, of a disk
		default:
			return fmt.Errorf("restore: the data directory %s is not empty: there is %s", path, e.Name())
		}
	}
	return nil
}

// each reads the whole backup.
func (r *restore) each(ctx context.Context, step string, entry func(name string, data []byte) error) error {
	if err := r.from.Rewind(); err != nil {
		return err
	}
	for {
		name, data, err := r.from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.Join(entry(name, data), ctx.Err())
		}
		if err != nil {
			return err
		}
		if r.Progress != nil && step != "" {
			done, total := r.from.Progress()
			r.Progress(Progress{Step: step, Done: done, Total: total})
		}
	}
}

// verify reads all of it and believes nothing.
func (r *restore) verify(ctx context.Context) error {
	first := true
	return r.each(ctx, "verify", func(name string, data []byte) error {
		if first {
			first = false
			return r.readManifest(ctx, name, data)
		}
		switch table, ok := tableOf(name); {
		case ok:
			return r.verifyTable(table, data)
		case strings.HasPrefix(name, logPrefix):
			return r.verifyRecords(data)
		case name == configEntry, name == settingsEntry:
			return nil
		}
		return fmt.Errorf("restore: the backup has an entry %q, which this program does not know: use the one that wrote it (%s), or a newer one", name, r.report.Program)
	})
}

func (r *restore) readManifest(ctx context.Context, name string, data []byte) error {
	m := &r.report.manifest
	if err := json.Unmarshal(data, m); name != manifestEntry || err != nil || m.Format != backupFormat {
		return fmt.Errorf("restore: %w: it does not begin with a manifest", archive.ErrDamaged)
	}
	if m.Version != backupVersion {
		return fmt.Errorf("restore: the backup has format %d, and this program reads %d: use the one that wrote it (%s), or a newer one", m.Version, backupVersion, m.Program)
	}
	tables, err := state.Schema(ctx, m.Database.Migration)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if !reflect.DeepEqual(tables, m.Database.Tables) {
		return fmt.Errorf("restore: %w: its tables are not those of migration %d", archive.ErrDamaged, m.Database.Migration)
	}
	r.report.Tables = len(tables)
	return nil
}

// tableOf is the table of an entry of rows.
func tableOf(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, tablePrefix)
	table, _, _ := strings.Cut(rest, "/")
	return table, ok
}

func (r *restore) verifyTable(name string, data []byte) error {
	i := slices.IndexFunc(r.report.Database.Tables, func(t state.Table) bool { return t.Name == name })
	if i < 0 {
		return fmt.Errorf("restore: %w: it has rows of a table %q", archive.ErrDamaged, name)
	}
	columns := len(r.report.Database.Tables[i].Columns)
	return archive.Rows(data, func(values []any) error {
		if len(values) != columns {
			return fmt.Errorf("restore: %w: a row of %s has %d values", archive.ErrDamaged, name, len(values))
		}
		r.report.Rows++
		return nil
	})
}

// write restores what was verified, in this order: the mark that it is not done, the database, the log,
// the configuration for people, the end of the mark.
func (r *restore) write(ctx context.Context) error {
	mark := r.data.join(restoringName)
	if err := writeSynced(mark, []byte("tributary restore "+filepath.Base(r.Path)+"\n")); err != nil {
		return err
	}
	if err := r.database(ctx); err != nil {
		return errors.Join(err, os.Remove(mark)) // nothing else was written
	}
	if err := r.logOf(ctx); err != nil {
		return err
	}
	if err := r.configuration(ctx); err != nil {
		return err
	}
	if err := os.Remove(mark); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(r.data.path)
}

func (r *restore) database(ctx context.Context) error {
	return state.Restore(ctx, r.cfg.Database.URL, r.log, r.report.Database.Migration, func(tx *sql.Tx, f *state.Filling) error {
		err := r.each(ctx, "database", func(name string, data []byte) error {
			table, ok := tableOf(name)
			if !ok {
				return nil
			}
			return archive.Rows(data, func(values []any) error { return f.Row(table, values) })
		})
		if err == nil {
			err = f.Flush()
		}
		if err != nil {
			return err
		}
		return ingest.Restored(ctx, tx)
	})
}

// configuration puts what was configured beside the data, for people: what is in force is what was said to us.
func (r *restore) configuration(ctx context.Context) error {
	return r.each(ctx, "configuration", func(name string, data []byte) error {
		if name != configEntry && name != settingsEntry {
			return nil
		}
		return writeSynced(r.data.join("backup-"+name), data)
	})
}

// writeSynced writes a file that did not exist, and has it on disk with its name.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}
