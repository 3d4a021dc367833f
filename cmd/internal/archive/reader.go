package archive

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// windowMax bounds the memory that a compressed file may demand.
const windowMax = 16 << 20

// trailerMax is what may follow the last entry: the two empty blocks of a tar, and what fills up a record.
const trailerMax = 64 << 10

// Reader reads an archive, as often as Rewind lets it.
type Reader struct {
	file *os.File
	zstd *zstd.Decoder
	tar  *tar.Reader
	sums []checksum // of what was read
}

// Open opens an archive and reads nothing yet.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	r := &Reader{file: f}
	r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowMax), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("archive: %w", err), f.Close())
	}
	if err := r.Rewind(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Rewind goes back to the first entry.
func (r *Reader) Rewind() error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := r.zstd.Reset(r.file); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	r.tar, r.sums = tar.NewReader(r.zstd), nil
	return nil
}

// Progress is how much of the file was read, in bytes, and how large it is.
func (r *Reader) Progress() (done, total int64) {
	done, _ = r.file.Seek(0, io.SeekCurrent) // of a plain file
	if info, err := r.file.Stat(); err == nil {
		total = info.Size()
	}
	return done, total
}

// Next returns the next entry, whose bytes are the caller's. io.EOF says that all were as they were
// written; ErrDamaged that this one, or one before, was not.
func (r *Reader) Next() (name string, data []byte, err error) {
	h, err := r.tar.Next()
	switch {
	case err != nil: // also io.EOF: the list was not there
		return "", nil, damaged("it ends early, or is none: %v", err)
	case h.Typeflag != tar.TypeReg || h.Size > EntryMax || !nameForm.MatchString(h.Name):
		return "", nil, damaged("it has an entry that no backup has: %.100q, %d bytes", h.Name, h.Size)
	}
	data = make([]byte, h.Size)
	if _, err := io.ReadFull(r.tar, data); err != nil {
		return "", nil, damaged("%s: %v", h.Name, err)
	}
	if h.Name == checksumsName {
		return "", nil, r.finish(data)
	}
	r.sums = append(r.sums, checksumOf(h.Name, data))
	return h.Name, data, nil
}

// finish compares what was read with the list.
func (r *Reader) finish(list []byte) error {
	var sums []checksum
	if err := json.Unmarshal(list, &sums); err != nil {
		return damaged("its list of checksums: %v", err)
	}
	if len(sums) != len(r.sums) {
		return damaged("it has %d entries of %d", len(r.sums), len(sums))
	}
	for i, s := range sums {
		if s != r.sums[i] {
			return damaged("entry %.100q is not as it was written", r.sums[i].Name)
		}
	}
	if _, err := r.tar.Next(); !errors.Is(err, io.EOF) {
		return damaged("something follows its list of checksums")
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r.zstd, trailerMax)); err != nil || n == trailerMax {
		return damaged("something follows its end")
	}
	return io.EOF
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Close lets the file go.
func (r *Reader) Close() error {
	r.zstd.Close()
	return r.file.Close()
}
