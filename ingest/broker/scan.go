package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kfake's files, relative to the data directory. A segment is a row of record batches
// (Kafka protocol, record batch v2) in a file named by its first offset.
var (
	partitionDir = filepath.Join("partitions", Topic+"-"+strconv.Itoa(Partition))
	identityOf   = []string{"meta.json", "topics.json"}
)

const (
	segmentExt   = ".dat"
	snapshotName = "snapshot.json"
)

// segment is what a scan found in one segment file.
type segment struct {
	name         string
	base         int64     // its name: offset of the first batch
	size         int64     // bytes
	good         int64     // bytes up to the first bad batch
	next         int64     // offset after the last good batch; base if there is none
	first        time.Time // time of the first record by its producer's clock; zero if there is none
	newest       int64     // newest time of a record, ms since 1970
	transactions bool      // a batch belongs to a transaction
	lost         int64     // records in readable headers after the first bad batch
	why          string    // why the batch at good is bad
}

// segments lists the segment files, oldest first; none if the directory is not there.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(filepath.Join(dir, partitionDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("broker: listing segments: %w", err)
	}
	var all []segment
	for _, e := range entries {
		digits, isSegment := strings.CutSuffix(e.Name(), segmentExt)
		base, err := strconv.ParseInt(digits, 10, 64)
		if !isSegment || err != nil {
			continue
		}
		all = append(all, segment{name: filepath.Join(dir, partitionDir, e.Name()), base: base, next: base})
	}
	slices.SortFunc(all, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return all, nil
}

// inspect checks the segments before kfake reads them, logs what is lost, and decides
// whether kfake may go by its snapshot (guards 6, 8 and 9).
func inspect(dir string, off guards, log *slog.Logger) error {
	all, err := segments(dir)
	if err != nil {
		return err
	}
	if len(all) > 0 && !off.identity {
		if err := checkIdentity(dir); err != nil {
			return err
		}
	}
	for i := range all {
		if err := all[i].scan(); err != nil {
			return fmt.Errorf("broker: reading segment: %w", err)
		}
	}
	report(all, log)
	return settleSnapshot(dir, all, off, log)
}

func checkIdentity(dir string) error {
	for _, name := range identityOf {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%w: %s has records but no %s; restore that file, or move the directory away to begin an empty log",
				ErrDamaged, dir, name)
		}
	}
	return nil
}

// report logs each segment that kfake will cut, and each hole between segments.
func report(all []segment, log *slog.Logger) {
	for i, s := range all {
		last := i == len(all)-1
		if s.why != "" {
			attrs := []any{"segment", s.name, "reason", s.why, "lost_bytes", s.size - s.good, "from_offset", s.next}
			if last {
				attrs = append(attrs, "lost_records_min", s.lost)
			} else {
				attrs = append(attrs, "to_offset", all[i+1].base, "lost_records", all[i+1].base-s.next)
			}
			log.Error("log is damaged: acknowledged records may be lost", attrs...)
		} else if !last && s.next != all[i+1].base {
			log.Warn("log has a hole from an earlier loss", "from_offset", s.next, "to_offset", all[i+1].base)
		}
	}
}

// Offsets into a record batch v2 (Kafka protocol, "Record Batch").
const (
	atLength     = 8  // int32: bytes after it
	atMagic      = 16 // int8
	atCRC        = 17 // uint32, Castagnoli, of everything after it
	atAttributes = 21 // int16: see inTransaction
	atDelta      = 23 // int32: last offset − base offset
	atFirstTime  = 27 // int64: ms since 1970
	atNewestTime = 35 // int64
	batchHeader  = 61

	inTransaction = 0x10 | 0x20 // attributes: transactional, control
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// scan reads the segment through. The error is one of reading; bad bytes are a finding.
func (s *segment) scan() error {
	f, err := os.Open(s.name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return s.read(bufio.NewReaderSize(f, 256<<10), info.Size())
}

// read takes in size bytes of record batches, in little memory.
func (s *segment) read(r io.Reader, size int64) error {
	s.size = size
	for at := int64(0); at < size; {
		b, err := readBatch(r, size-at)
		if err != nil {
			return err
		}
		s.add(b, at)
		if b.size == 0 {
			return nil // nothing after it can be found
		}
		at += b.size
	}
	return nil
}

// add takes in the batch that was found at a position.
func (s *segment) add(b batch, at int64) {
	switch {
	case s.why != "":
		s.lost += b.records // kfake cuts at the first bad batch
	case b.why != "":
		s.why, s.lost = b.why, b.records
	default:
		if s.first.IsZero() {
			s.first = b.first
		}
		s.next = b.next
		s.good = at + b.size
		s.newest = max(s.newest, b.newest)
		s.transactions = s.transactions || b.transaction
	}
}

// batch is what a scan learns of one record batch.
type batch struct {
	size        int64  // bytes; 0 if its length cannot be known
	next        int64  // offset after it
	records     int64  // by its header
	why         string // why it is bad; "" if it is good
	first       time.Time
	newest      int64 // ms since 1970
	transaction bool
}

// readBatch reads the next batch, of which left bytes at most are there.
func readBatch(r io.Reader, left int64) (batch, error) {
	if left < batchHeader {
		return batch{why: "torn batch"}, nil
	}
	var h [batchHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return batch{}, err
	}
	size := int64(binary.BigEndian.Uint32(h[atLength:])) + atLength + 4
	if h[atMagic] != 2 || size < batchHeader {
		return batch{why: "not a record batch"}, nil
	}
	if size > left {
		return batch{why: "torn batch"}, nil
	}
	sum := crc32.New(castagnoli)
	sum.Write(h[atCRC+4:])
	if _, err := io.CopyN(sum, r, size-batchHeader); err != nil {
		return batch{}, err
	}
	delta := int64(int32(binary.BigEndian.Uint32(h[atDelta:])))
	b := batch{
		size:        size,
		next:        int64(binary.BigEndian.Uint64(h[:])) + delta + 1,
		records:     delta + 1,
		first:       time.UnixMilli(int64(binary.BigEndian.Uint64(h[atFirstTime:]))),
		newest:      int64(binary.BigEndian.Uint64(h[atNewestTime:])),
		transaction: binary.BigEndian.Uint16(h[atAttributes:])&inTransaction != 0,
	}
	if sum.Sum32() != binary.BigEndian.Uint32(h[atCRC:]) {
		b.why = "checksum of a batch does not match"
	}
	return b, nil
}
