package archive

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/klauspost/compress/zstd"
)

// EntryMax is how large an entry may be, in bytes.
const EntryMax = 8 << 20

// checksumsName is the last entry.
const checksumsName = "checksums.json"

// nameForm is what an entry may be called.
var nameForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z]+)?(/[a-z0-9_]+){0,2}$`)

var (
	// ErrExists says that there is a file where the archive should be.
	ErrExists = errors.New("archive: the file exists")
	// ErrDamaged says that a file is no archive, or not as it was written.
	ErrDamaged = errors.New("archive: not a whole backup")
)

// checksum is a line of the list.
type checksum struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func checksumOf(name string, data []byte) checksum {
	sum := sha256.Sum256(data)
	return checksum{name, int64(len(data)), hex.EncodeToString(sum[:])}
}

// Writer writes an archive. Commit or Abort ends it.
type Writer struct {
	path  string // "" when nothing is kept
	file  *os.File
	zstd  *zstd.Encoder
	tar   *tar.Writer
	sums  []checksum
	bytes int64 // compressed
	now   time.Time
}

// Create begins an archive that Commit puts at path, which must be free (ErrExists). Without a path
// it is written nowhere: to learn how large it would be.
func Create(path string) (*Writer, error) {
	w := &Writer{path: path, now: time.Now()}
	if path != "" {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("%w: %s", ErrExists, path)
		}
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial") // mode 0600
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		w.file = f
	}
	var err error
	if w.zstd, err = zstd.NewWriter(counter{w}, zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, errors.Join(fmt.Errorf("archive: %w", err), w.Abort())
	}
	w.tar = tar.NewWriter(w.zstd)
	return w, nil
}

// counter writes to the file, if there is one.
type counter struct{ w *Writer }

func (c counter) Write(p []byte) (int, error) {
	c.w.bytes += int64(len(p))
	if c.w.file == nil {
		return len(p), nil
	}
	return c.w.file.Write(p)
}

// Add writes an entry.
func (w *Writer) Add(name string, data []byte) error {
	w.sums = append(w.sums, checksumOf(name, data))
	return w.add(name, data)
}

func (w *Writer) add(name string, data []byte) error {
	if !nameForm.MatchString(name) || len(data) > EntryMax {
		return fmt.Errorf("archive: entry %q of %d bytes: it may have %d, and a plain name", name, len(data), EntryMax)
	}
	err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o600, ModTime: w.now, Format: tar.FormatUSTAR})
	if err == nil {
		_, err = w.tar.Write(data)
	}
	if err != nil {
		return fmt.Errorf("archive: writing %s: %w", name, err)
	}
	return nil
}

// Size is how many bytes the file has so far.
func (w *Writer) Size() int64 { return w.bytes }

// Commit ends the archive and gives the file its name.
//
// Crash before the rename: a file .NAME.….partial is left, which nothing reads. After it: done.
func (w *Writer) Commit() error {
	list, err := json.Marshal(w.sums)
	if err == nil {
		err = w.add(checksumsName, list)
	}
	if err = errors.Join(err, w.tar.Close(), w.zstd.Close()); err != nil {
		return errors.Join(err, w.Abort())
	}
	if w.file == nil {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("archive: %w", err), w.Abort())
	}
	if _, err := os.Lstat(w.path); err == nil {
		return errors.Join(fmt.Errorf("%w: %s", ErrExists, w.path), w.Abort())
	}
	if err := os.Rename(w.file.Name(), w.path); err != nil {
		return errors.Join(fmt.Errorf("archive: %w", err), w.Abort())
	}
	err = errors.Join(w.file.Close(), syncDir(filepath.Dir(w.path)))
	w.file = nil
	return err
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Abort removes what was written. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
