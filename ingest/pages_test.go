package ingest

import (
	"context"
	"errors"
	"testing"
)

// brought is a fetch of n records from offset on, which is what a server sends at least.
type brought struct {
	n, fetches, bytes int
	err               error
}

func (b *brought) fetch(_ context.Context, offset, _ int64) (page, error) {
	b.fetches++
	if b.err != nil {
		return page{}, b.err
	}
	var p page
	for i := range int64(b.n) {
		p.records = append(p.records, fetched{offset: offset + i, value: make([]byte, b.bytes)})
	}
	return p, nil
}

func TestWhatAFetchBroughtIsUsed(t *testing.T) {
	b := &brought{n: 250, bytes: 1000}
	p := newPages(b.fetch)
	for offset := int64(0); offset < 1000; offset += 50 {
		records, err := p.read(t.Context(), offset, 0)
		if err != nil || len(records) != 250-int(offset%250) || records[0].offset != offset {
			t.Fatalf("at %d: %d records, %v", offset, len(records), err)
		}
	}
	if b.fetches != 4 {
		t.Errorf("%d fetches of 1000 records, 250 at a time", b.fetches)
	}
	p.purge()
	if _, err := p.read(t.Context(), 0, 0); err != nil || b.fetches != 5 {
		t.Errorf("%d fetches, %v: what the log lost is not read from here", b.fetches, err)
	}
}

func TestPagesAreBounded(t *testing.T) {
	b := &brought{n: 10, bytes: 20_000}
	p := newPages(b.fetch)
	for offset := int64(0); offset < 10_000; offset += 10 {
		if _, err := p.read(t.Context(), offset, 0); err != nil {
			t.Fatal(err)
		}
	}
	if p.bytes > pageCacheBytes || p.bytes < pageCacheBytes/2 {
		t.Errorf("%d bytes are kept", p.bytes)
	}
	b.bytes = pageCacheBytes / 10
	if records, err := p.read(t.Context(), 20_000, 0); err != nil || len(records) != 10 {
		t.Fatal(err)
	}
	if records, _ := p.find(20_000); records != nil {
		t.Error("what alone would fill them is kept")
	}
	b.n = 0
	if records, err := p.read(t.Context(), 30_000, 0); err != nil || len(records) != 0 {
		t.Errorf("of an empty fetch: %d records, %v", len(records), err)
	}
	b.err = errors.New("away")
	if _, err := p.read(t.Context(), 40_000, 0); !errors.Is(err, b.err) {
		t.Error(err)
	}
}

// What was on its way when the log lost records is not kept.
func TestAPageOfBeforeIsNotKept(t *testing.T) {
	b := &brought{n: 10}
	p := newPages(nil)
	p.fetch = func(ctx context.Context, offset, most int64) (page, error) {
		p.purge()
		return b.fetch(ctx, offset, most)
	}
	if _, err := p.read(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	if records, _ := p.find(0); records != nil {
		t.Error("it is kept")
	}
}
