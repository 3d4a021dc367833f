package linkeddata

import (
	"slices"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// Bounds of URDNA2015. It tells blank nodes apart by what is said about them
// directly, and those that look alike by trying the orders in which their
// neighbours can be numbered: with the factorial of their number, in places. So
// what looks alike may hang together in small groups only. Honest documents have
// such groups where a picture's focal point is a list of two equal numbers.
const (
	maxBlanks  = 1024
	maxTangle  = 6   // blank nodes that look alike and hang together
	maxTangled = 128 // in all such groups
)

// checkTangle refuses a dataset that would take long to canonicalise.
func (d *dataset) checkTangle() error {
	about := make(map[string][]*ld.Quad)
	for _, quads := range d.graphs {
		for _, q := range quads {
			for _, id := range blanksOf(q) {
				about[id] = append(about[id], q)
			}
		}
	}
	if len(about) > maxBlanks {
		return refused("more than %d blank nodes", maxBlanks)
	}
	return checkGroups(groups(alike(about), about))
}

// alike returns the blank nodes that are not alone in what is said about them
// (Hash First Degree Quads).
func alike(about map[string][]*ld.Quad) map[string]bool {
	looks := make(map[string][]string, len(about))
	for id, quads := range about {
		lines := make([]string, len(quads))
		for i, q := range quads {
			lines[i] = look(q, id)
		}
		slices.Sort(lines)
		key := strings.Join(lines, "\n")
		looks[key] = append(looks[key], id)
	}
	same := make(map[string]bool)
	for _, ids := range looks {
		if len(ids) > 1 {
			for _, id := range ids {
				same[id] = true
			}
		}
	}
	return same
}

// look writes a quad with the blank node id as _:a and others as _:z.
func look(q *ld.Quad, id string) string {
	name := func(n ld.Node) string {
		switch {
		case n == nil:
			return ""
		case !ld.IsBlankNode(n):
			return objectKey(n)
		case n.GetValue() == id:
			return "_:a"
		}
		return "_:z"
	}
	return name(q.Subject) + "\x00" + q.Predicate.GetValue() + "\x00" + name(q.Object) + "\x00" + name(q.Graph)
}

func blanksOf(q *ld.Quad) []string {
	var ids []string
	for _, n := range []ld.Node{q.Subject, q.Object, q.Graph} {
		if n != nil && ld.IsBlankNode(n) && !slices.Contains(ids, n.GetValue()) {
			ids = append(ids, n.GetValue())
		}
	}
	return ids
}

// groups joins the nodes of same that share a quad, and returns the sizes.
func groups(same map[string]bool, about map[string][]*ld.Quad) map[string]int {
	parent := make(map[string]string, len(same))
	find := func(id string) string {
		for parent[id] != "" {
			id = parent[id]
		}
		return id
	}
	for id := range same {
		for _, q := range about[id] {
			for _, other := range blanksOf(q) {
				if a, b := find(id), find(other); same[other] && a != b {
					parent[a] = b
				}
			}
		}
	}
	sizes := make(map[string]int, len(same))
	for id := range same {
		sizes[find(id)]++
	}
	return sizes
}

func checkGroups(sizes map[string]int) error {
	tangled := 0
	for _, size := range sizes {
		if size > maxTangle {
			return refused("%d blank nodes that look alike hang together", size)
		}
		if size > 1 {
			tangled += size
		}
	}
	if tangled > maxTangled {
		return refused("%d blank nodes that look alike", tangled)
	}
	return nil
}
