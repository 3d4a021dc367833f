//go:build ignore

// Generate writes model.bin from the n-gram models of lingua-go, which are
// published under the Apache License 2.0 and were trained on the Wortschatz
// corpora of Leipzig University (NOTICE). What is changed: only the languages below, no
// five-grams, only the n-grams that tell most, probabilities in ten bits.
//
//	dir=$(go mod download -json github.com/pemistahl/lingua-go@v1.4.0 | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
//	go run generate.go -models "$dir/language-models"
//
// lingua-go itself is no dependency: the program neither builds nor runs it.
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"unicode"

	"google.golang.org/protobuf/encoding/protowire"
)

// scripts lists what is decided by a model, by script and in the order of the
// numbers in model.bin. scripts.go has the same list, TestPosts fails if not.
var scripts = []struct {
	table     *unicode.RangeTable
	languages []string
}{
	{unicode.Latin, []string{
		"en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "nb", "nn", "fi", "pl", "cs",
		"sk", "hu", "ro", "tr", "id", "ms", "vi", "ca", "eo", "eu", "hr", "sl", "et", "lt",
		"lv", "is", "sq", "cy", "ga", "af", "la", "az", "tl", "sw", "so", "yo", "zu", "mi",
	}},
	{unicode.Cyrillic, []string{"ru", "uk", "be", "bg", "mk", "sr", "kk", "mn"}},
	{unicode.Arabic, []string{"ar", "fa", "ur"}},
	{unicode.Devanagari, []string{"hi", "mr"}},
}

var (
	models = flag.String("models", "", "the folder language-models of lingua-go")
	output = flag.String("o", "model.bin", "what is written")
	orders = flag.Int("orders", 4, "longest n-gram")
	keep   = flag.Int("keep", 12000, "n-grams of two letters and more kept for a language")
)

const backoff = 1.0 // nats, as backoffPenalty in model.go

type posting struct {
	language int
	cost     uint16
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	table := map[uint32][]posting{}
	n := 0
	for _, s := range scripts {
		for _, code := range s.languages {
			for gram, p := range prune(read(code, s.table)) {
				key := hash(gram)
				table[key] = append(table[key], posting{n, quantise(p)})
			}
			n++
		}
	}
	b := encode(table)
	if err := os.WriteFile(*output, b, 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d languages, %d n-grams, %d bytes\n", n, len(table), len(b))
}

// read returns P(last letter | the letters before it) for each n-gram of a language.
func read(code string, script *unicode.RangeTable) map[string]float64 {
	grams := map[string]float64{}
	for _, name := range []string{"unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams"}[:*orders] {
		b := unzip(filepath.Join(*models, code, name+".pb.bin.zip"))
		fields(b, func(n protowire.Number, v []byte, _ uint64) {
			if n != 4 { // ngram_sets
				return
			}
			var p float64
			fields(v, func(n protowire.Number, v []byte, bits uint64) {
				switch n {
				case 1:
					p = math.Float64frombits(bits)
				case 2:
					if only(string(v), script) {
						grams[string(v)] = p
					}
				}
			})
		})
	}
	return grams
}

func unzip(path string) []byte {
	z, err := zip.OpenReader(path)
	if err != nil {
		log.Fatal(err)
	}
	defer z.Close()
	f, err := z.File[0].Open()
	if err != nil {
		log.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

// fields calls f with each field of a protocol buffer message: bytes, or bits.
func fields(b []byte, f func(n protowire.Number, v []byte, bits uint64)) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			log.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		var v []byte
		var bits uint64
		switch typ {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			log.Fatal(protowire.ParseError(n))
		}
		f(num, v, bits)
		b = b[n:]
	}
}

func only(s string, script *unicode.RangeTable) bool {
	for _, r := range s {
		if !unicode.Is(script, r) && !unicode.Is(unicode.M, r) {
			return false
		}
	}
	return true
}

// prune keeps the letters, and of the longer n-grams those that are frequent and
// whose probability differs from what the shorter one would have said: their
// weight is joint probability times the difference (Stolcke 1998, simplified).
func prune(grams map[string]float64) map[string]float64 {
	type weighed struct {
		gram   string
		weight float64
	}
	var all []weighed
	kept := map[string]float64{}
	for g, p := range grams {
		r := []rune(g)
		if len(r) == 1 {
			kept[g] = p
			continue
		}
		shorter, ok := grams[string(r[1:])]
		if !ok {
			shorter = 1e-6
		}
		d := math.Abs(math.Log(p) - (math.Log(shorter) - backoff))
		all = append(all, weighed{g, joint(grams, r) * d})
	}
	slices.SortFunc(all, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.gram, b.gram))
	})
	for _, w := range all[:min(len(all), *keep)] {
		kept[w.gram] = grams[w.gram]
	}
	return kept
}

func joint(grams map[string]float64, r []rune) float64 {
	p := 1.0
	for i := range r {
		p *= grams[string(r[:i+1])]
	}
	return p
}

// quantise turns a probability into nats/64, at most ten bits.
func quantise(p float64) uint16 {
	return uint16(min(max(math.Round(-math.Log(p)*64), 0), 1023))
}

// hash is FNV-1a over the runes, as in model.go.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for _, r := range s {
		h = (h ^ uint32(r)) * 16777619
	}
	h ^= h >> 15
	h *= 0x85ebca6b
	return h ^ h>>13
}

// encode: see model.go.
func encode(table map[uint32][]posting) []byte {
	keys := make([]uint32, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var index, grams, postings bytes.Buffer
	next := 0
	for bucket := uint32(0); bucket <= 1<<16; bucket++ {
		put32(&index, uint32(grams.Len()/3))
		put32(&index, uint32(postings.Len()/2))
		for ; next < len(keys) && keys[next]>>16 == bucket; next++ {
			ps := table[keys[next]]
			slices.SortFunc(ps, func(a, b posting) int {
				return cmp.Or(cmp.Compare(a.language, b.language), cmp.Compare(a.cost, b.cost))
			})
			ps = slices.CompactFunc(ps, func(a, b posting) bool { return a.language == b.language }) // two grams, one hash
			put16(&grams, uint16(keys[next]))
			grams.WriteByte(byte(len(ps)))
			for _, p := range ps {
				put16(&postings, uint16(p.language)<<10|p.cost)
			}
		}
	}
	return slices.Concat(index.Bytes(), grams.Bytes(), postings.Bytes())
}

func put16(b *bytes.Buffer, v uint16) { b.Write(binary.LittleEndian.AppendUint16(nil, v)) }
func put32(b *bytes.Buffer, v uint32) { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }
