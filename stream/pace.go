package stream

// pace chooses how many records to ask the reader for: as many as fill one
// write, so that a client that stands still in that write holds no others.
type pace struct {
	perEntry int // bytes sent for each record brought, smoothed
}

const (
	firstPerEntry = 4 << 10
	maxEntries    = 128
)

func (p *pace) limit() int {
	if p.perEntry == 0 {
		p.perEntry = firstPerEntry
	}
	return min(max(batchBytes/p.perEntry, 1), maxEntries)
}

func (p *pace) learn(entries, bytes int) {
	if entries > 0 {
		p.perEntry = max((3*p.perEntry+bytes/entries)/4, 1)
	}
}
