package language

import (
	_ "embed"
	"math/bits"
)

// model is written by generate.go and read where it lies: nothing is decoded or
// copied, so there is no load, and only the pages in use are resident. All
// numbers are little endian.
//
//	index    65537 × (number of the first gram u32, of the first posting u32), by
//	         the upper half of a gram's hash; the last entry is the end
//	grams    × (lower half of the hash u16, number of postings u8), sorted
//	postings × u16: language (upper 6 bits), cost (lower 10 bits)
//
// A cost is −64·ln P(last letter of the gram | its letters before).
//
//go:embed model.bin
var model string

const (
	indexEntry   = 8
	indexEnd     = 1 << 16 * indexEntry
	gramsAt      = indexEnd + indexEntry
	gramBytes    = 3
	postingBytes = 2

	maxOrder = 4 // letters of the longest gram

	// Costs, in nats/64.
	backoffPenalty = 64      // for each letter of context that the model does not know
	unknownLetter  = 14 * 64 // for a letter that the language does not have
)

var postingsAt = gramsAt + gramBytes*int(u32(indexEnd))

func u16(i int) uint16 { return uint16(model[i]) | uint16(model[i+1])<<8 }
func u32(i int) uint32 { return uint32(u16(i)) | uint32(u16(i+2))<<16 }

// costs are what the letters read so far cost in each language, in nats/64.
type costs [64]int32

// word adds a word, given in lower case. For each letter and language the longest
// context counts that the model knows ("stupid backoff", Brants 2007). candidates
// has the bits of the languages asked for; the others are left alone.
func (c *costs) word(letters []rune, candidates uint64) {
	for i := range letters {
		missing := candidates
		penalty := int32(0)
		for from := max(0, i-maxOrder+1); from <= i && missing != 0; from++ {
			missing = c.gram(letters[from:i+1], missing, penalty)
			penalty += backoffPenalty
		}
		for ; missing != 0; missing &= missing - 1 {
			c[bits.TrailingZeros64(missing)] += unknownLetter
		}
	}
}

// gram adds the cost of a gram to the wanted languages that have it and returns
// those that do not.
func (c *costs) gram(letters []rune, wanted uint64, penalty int32) uint64 {
	at, n := find(hash(letters))
	for ; n > 0; n-- {
		p := u16(at)
		at += postingBytes
		if l := p >> 10; wanted&(1<<l) != 0 {
			c[l] += int32(p&1023) + penalty
			wanted &^= 1 << l
		}
	}
	return wanted
}

// find returns where the postings of a gram begin, and how many there are. A gram
// that is not in the model is taken for one that is once in some ten thousand times.
func find(h uint32) (at, n int) {
	bucket := int(h>>16) * indexEntry
	gram, end := int(u32(bucket)), int(u32(bucket+indexEntry))
	posting := int(u32(bucket + 4))
	for ; gram < end; gram++ {
		g := gramsAt + gramBytes*gram
		n = int(model[g+2])
		if u16(g) == uint16(h) {
			return postingsAt + postingBytes*posting, n
		}
		posting += n
	}
	return 0, 0
}

// hash is FNV-1a over the runes with a finaliser, because the index needs its
// upper bits; generate.go has the same.
func hash(letters []rune) uint32 {
	h := uint32(2166136261)
	for _, r := range letters {
		h = (h ^ uint32(r)) * 16777619
	}
	h ^= h >> 15
	h *= 0x85ebca6b
	return h ^ h>>13
}
