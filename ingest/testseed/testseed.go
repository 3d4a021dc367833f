// Package testseed chooses the seed of tests that make up their input. It is for tests only.
package testseed

import (
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Variable chooses the seed of tests that make up their input: a number, as a failed test logs it,
// or the word random.
const Variable = "TRIBUTARY_SEED"

// Of returns the seed of a test that makes up its input, and logs it. Without Variable it is
// the same at every run: what fails on one machine fails on another.
func Of(t testing.TB) uint64 {
	t.Helper()
	seed := seedOf(t)
	t.Logf("%s=%d", Variable, seed)
	return seed
}

func seedOf(t testing.TB) uint64 {
	t.Helper()
	switch s := os.Getenv(Variable); s {
	case "":
		h := fnv.New64a()
		_, _ = h.Write([]byte(t.Name()))
		return h.Sum64()
	case "random":
		return rand.Uint64()
	default:
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("testseed: %s: %v", Variable, err)
		}
		return seed
	}
}
