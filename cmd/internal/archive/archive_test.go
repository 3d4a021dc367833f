package archive

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tributary/ingest/testseed"
)

// write makes an archive of some rows in several parts.
func write(t testing.TB, path string) [][]any {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Add("manifest.json", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	rows := [][]any{
		{int64(math.MaxInt64), "cut \xe2\x82 and \x00", []byte{0, 255}, nil},
		{int64(math.MinInt64), "", []byte{}, nil},
		{int64(0), strings.Repeat("x", 3<<20), []byte("y"), nil},
		{int64(1), strings.Repeat("y", 3<<20), []byte("y"), nil},
		{int64(2), strings.Repeat("z", 3<<20), []byte("y"), nil},
	}
	p := w.Parts("state/items")
	for _, row := range rows {
		if err := p.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := p.Close(); err != nil || n != int64(len(rows)) {
		t.Fatalf("%d rows, %v", n, err)
	}
	if _, err := w.Parts("state/none").Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// read reads an archive to its end.
func read(path string) (names []string, rows [][]any, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	return readAll(r)
}

func readAll(r *Reader) (names []string, rows [][]any, err error) {
	for {
		name, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, rows, nil
		}
		if err != nil {
			return names, rows, err
		}
		names = append(names, name)
		if !strings.HasPrefix(name, "state/") {
			continue
		}
		if err := Rows(data, func(values []any) error { rows = append(rows, values); return nil }); err != nil {
			return names, rows, err
		}
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.backup")
	rows := write(t, path)
	for _, row := range rows {
		row[1] = []byte(row[1].(string))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		names, got, err := readAll(r)
		if err != nil || !reflect.DeepEqual(names, []string{"manifest.json", "state/items/000001", "state/items/000002"}) {
			t.Errorf("%v, %v", names, err)
		}
		if !reflect.DeepEqual(got, rows) {
			t.Error("the rows differ")
		}
		if done, total := r.Progress(); done != total || total == 0 {
			t.Errorf("%d of %d", done, total)
		}
		if err := r.Rewind(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "/a", "../a", "a/../b", "a//b", "A", "a b", "a/b/c/d", "a\x00"} {
		if err := w.Add(name, nil); err == nil {
			t.Errorf("an entry %q", name)
		}
	}
	if err := w.Add("a", make([]byte, EntryMax+1)); err == nil {
		t.Error("an entry that is too large")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// Whoever took the name meanwhile keeps it.
	if w, err = Create(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if _, err := Create(path); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if w, err = Create(""); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Add("a", make([]byte, 1000)), w.Commit()); err != nil || w.Size() < 10 {
		t.Errorf("%d bytes, %v", w.Size(), err)
	}
}

// Whatever is cut off or changed is found, wherever it is.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	write(t, whole)
	_, rows, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(testseed.Of(t), 0))
	damaged := filepath.Join(dir, "damaged")
	for i := range 20 {
		broken := bytes.Clone(data)
		if i%2 == 0 {
			broken = broken[:random.IntN(len(broken))]
		} else {
			broken[random.IntN(len(broken))] ^= 1 << random.IntN(8)
		}
		if err := os.WriteFile(damaged, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		_, got, err := read(damaged)
		if err == nil && reflect.DeepEqual(got, rows) {
			continue // a bit that means nothing: zstd has one
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := os.WriteFile(damaged, append(bytes.Clone(data), data...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(damaged); !errors.Is(err, ErrDamaged) {
		t.Errorf("twice: %v", err)
	}
}

// hostile is an archive that Writer would not write.
func hostile(t testing.TB, path string, write func(w *tar.Writer)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	write(w)
	_ = w.Flush() // an entry may say more than it has
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestHostile(t *testing.T) {
	entry := func(name string, data []byte) func(w *tar.Writer) {
		return func(w *tar.Writer) {
			_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Typeflag: tar.TypeReg})
			_, _ = w.Write(data)
		}
	}
	list := func(names ...string) func(w *tar.Writer) {
		sums := []checksum{}
		for _, name := range names {
			sums = append(sums, checksumOf(name, nil))
		}
		b, _ := json.Marshal(sums)
		return entry(checksumsName, b)
	}
	for name, parts := range map[string][]func(w *tar.Writer){
		"empty":    {},
		"path":     {entry("../../etc/passwd", nil), list("../../etc/passwd")},
		"absolute": {entry("/etc/passwd", nil), list("/etc/passwd")},
		"link": {func(w *tar.Writer) {
			_ = w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
		}, list()},
		"device":            {func(w *tar.Writer) { _ = w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeChar}) }, list()},
		"says to be large":  {func(w *tar.Writer) { _ = w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 1 << 50}) }},
		"is large":          {entry("a", make([]byte, EntryMax+1)), list("a")},
		"not in the list":   {entry("a", nil), entry("b", nil), list("a")},
		"missing":           {entry("a", nil), list("a", "b")},
		"another order":     {entry("b", nil), entry("a", nil), list("a", "b")},
		"behind the list":   {entry("a", nil), list("a"), entry("b", nil)},
		"two lists":         {entry("a", nil), list("a"), list("a")},
		"a list of nothing": {entry(checksumsName, []byte("null")), entry("a", nil)},
		"no list":           {entry("a", nil), entry(checksumsName, []byte("{}"))},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a")
			hostile(t, path, func(w *tar.Writer) {
				for _, part := range parts {
					part(w)
				}
			})
			if _, _, err := read(path); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRowsRefuse(t *testing.T) {
	for name, part := range map[string][]byte{
		"no array":         {0x01},
		"cut off":          {0x82, 0x01},
		"text":             {0x81, 0x61, 'a'},
		"float":            {0x81, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0},
		"a large number":   {0x81, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"nested":           {0x81, 0x81, 0x01},
		"a map":            {0x81, 0xa0},
		"without a length": {0x9f, 0x01, 0xff},
		"a long array":     {0x9b, 0, 0, 0, 1, 0, 0, 0, 0},
		"a long string":    {0x81, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		if err := Rows(part, func([]any) error { return nil }); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	if err := Rows([]byte{0x80}, func([]any) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func FuzzRows(f *testing.F) {
	for _, part := range [][]byte{{0x82, 0x01, 0x41, 'a'}, {0x81, 0xf6, 0x81, 0x20}, {0x9f, 0xff}} {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, part []byte) {
		err := Rows(part, func(values []any) error {
			for _, v := range values {
				switch v.(type) {
				case nil, int64, []byte:
				default:
					return fmt.Errorf("a %T", v)
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}

// FuzzArchive reads what somebody sends as a backup.
func FuzzArchive(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a")
	w, err := Create(path)
	if err != nil {
		f.Fatal(err)
	}
	p := w.Parts("state/items")
	if err := errors.Join(w.Add("manifest.json", []byte("{}")), p.Row([]any{int64(1), "a"})); err != nil {
		f.Fatal(err)
	}
	if _, err := p.Close(); err != nil {
		f.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(path); err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}
