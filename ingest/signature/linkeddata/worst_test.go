package linkeddata

import (
	"strings"
	"testing"
)

// worst has the dearest documents that we could think of and that are not refused.
func worst() map[string]string {
	family := `{"type":"Note","tag":[` + strings.Repeat(`{"type":"Note"},`, maxTangle-2) + `{"type":"Note"}]}`
	chain := `{"type":"Note"}`
	for range maxTangle - 1 {
		chain = `{"type":"Note","tag":` + chain + `}`
	}
	within := func(tag string) string { return strings.Replace(create, `"tag": [`, `"tag": [`+tag+",", 1) }
	return map[string]string{
		"families": within(strings.TrimSuffix(strings.Repeat(family+",", maxTangled/maxTangle), ",")),
		"chains":   within(strings.TrimSuffix(strings.Repeat(chain+",", maxTangled/maxTangle), ",")),
		"siblings": within(strings.TrimSuffix(strings.Repeat(`{"type":"Note"},`, maxBlanks/2), ",")),
		"values":   within(strings.TrimSuffix(strings.Repeat(`{"type":"Note","name":"x","content":"y"},`, maxValues/4-16), ",")),
	}
}

// TestWorst: they are taken, so that the benchmark measures them.
func TestWorst(t *testing.T) {
	for name, raw := range worst() {
		if _, err := verify(encode(t, sign(t, raw))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bounds of tangle.go are such that none of these takes longer than half a
// second; it is one of RequestsMax, and its sender is a subscriber.
func BenchmarkWorst(b *testing.B) {
	for name, raw := range worst() {
		raw := encode(b, sign(b, raw))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := verify(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
