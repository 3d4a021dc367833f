package broker

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// FuzzScan: whatever a segment holds, the scan ends, and what it calls good is a prefix.
// testdata/segment.dat is what kfake wrote for two batches of two records.
func FuzzScan(f *testing.F) {
	sample, err := os.ReadFile("testdata/segment.dat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Add(append(make([]byte, atMagic), 2))
	f.Fuzz(func(t *testing.T, content []byte) {
		var s segment
		if err := s.read(bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
		if s.size != int64(len(content)) || s.good < 0 || s.good > s.size || (s.good == s.size) != (s.why == "") {
			t.Fatalf("%+v of %d bytes", s, len(content))
		}
	})
}

func sampleSegment(t testing.TB) []byte {
	o := options(t)
	b := open(t, o)
	c := client(t, o.Socket)
	for _, v := range []string{"a", "b"} {
		if _, err := produce(context.Background(), c, v, v); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(lastSegment(t, o.Dir))
	if err != nil {
		t.Fatal(err)
	}
	closeBroker(t, b)
	return content
}

func TestScan(t *testing.T) {
	whole := sampleSegment(t)
	half := int64(len(whole) / 2)
	flipped := bytes.Clone(whole)
	flipped[half-1] ^= 1
	for name, c := range map[string]struct {
		content []byte
		want    segment
	}{
		"whole":   {whole, segment{good: 2 * half, next: 4}},
		"torn":    {whole[:len(whole)-1], segment{good: half, next: 2, why: "torn batch"}},
		"header":  {whole[:half+10], segment{good: half, next: 2, why: "torn batch"}},
		"flipped": {flipped, segment{good: 0, next: 0, lost: 4, why: "checksum of a batch does not match"}},
		"zeros":   {make([]byte, 100), segment{why: "not a record batch"}},
		"empty":   {nil, segment{}},
	} {
		var s segment
		if err := s.read(bytes.NewReader(c.content), int64(len(c.content))); err != nil {
			t.Fatal(err)
		}
		if s.good != c.want.good || s.next != c.want.next || s.lost != c.want.lost || s.why != c.want.why {
			t.Errorf("%s: %+v, want %+v", name, s, c.want)
		}
	}
}
