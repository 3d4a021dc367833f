package fresh

import (
	"encoding/binary"
	"maps"
	"slices"
)

// packed are lists that do not change any more: a number is the distance to the one before it, of which
// most take a byte.
type packed struct {
	terms []Term   // in order
	ends  []uint32 // where the list of a term ends in bytes
	bytes []byte
}

func pack(open map[Term][]uint16) packed {
	p := packed{terms: slices.Sorted(maps.Keys(open)), ends: make([]uint32, 0, len(open))}
	for _, t := range p.terms {
		last := uint16(0)
		for _, number := range open[t] {
			p.bytes = binary.AppendUvarint(p.bytes, uint64(number-last))
			last = number
		}
		p.ends = append(p.ends, uint32(len(p.bytes)))
	}
	p.terms, p.bytes = slices.Clip(p.terms), slices.Clone(p.bytes)
	return p
}

func (p *packed) size() int { return 12*len(p.terms) + len(p.bytes) }

// mark sets the numbers of the posts that have the term; false if there are none.
func (p *packed) mark(t Term, set *numbers) bool {
	i, ok := slices.BinarySearch(p.terms, t)
	if !ok {
		return false
	}
	begin := uint32(0)
	if i > 0 {
		begin = p.ends[i-1]
	}
	number := uint64(0)
	for list := p.bytes[begin:p.ends[i]]; len(list) > 0; {
		distance, n := uint64(list[0]), 1
		if distance >= 0x80 {
			distance, n = binary.Uvarint(list)
		}
		number, list = number+distance, list[n:]
		set.set(uint16(number))
	}
	return true
}
