package broker

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// withoutSockets is a directory tree of plain files.
type withoutSockets struct{ dir string }

func (w withoutSockets) Open(name string) (fs.File, error) { return os.DirFS(w.dir).Open(name) }

func (w withoutSockets) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(os.DirFS(w.dir), name)
	var plain []fs.DirEntry
	for _, e := range all {
		if e.IsDir() || e.Type().IsRegular() {
			plain = append(plain, e)
		}
	}
	return plain, err
}

// logBytes is the size of all segments.
func logBytes(t testing.TB, dir string) (bytes int64, files int) {
	t.Helper()
	all, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		info, err := os.Stat(s.name)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return bytes, len(all)
}

func lastSegment(t testing.TB, dir string) string {
	t.Helper()
	all, err := segments(dir)
	if err != nil || len(all) == 0 {
		t.Fatalf("no segments in %s: %v", dir, err)
	}
	return all[len(all)-1].name
}

// flip changes one byte of a file, counted from its end if at is negative.
func flip(t testing.TB, name string, at int64) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += int64(len(b))
	}
	b[at] ^= 0xff
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func cut(t testing.TB, name string, bytes int64) {
	t.Helper()
	info, err := os.Stat(name)
	if err == nil {
		err = os.Truncate(name, info.Size()-bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, elem ...string) {
	t.Helper()
	if err := os.Remove(filepath.Join(elem...)); err != nil {
		t.Fatal(err)
	}
}
