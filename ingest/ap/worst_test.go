package ap

import (
	"strings"
	"testing"
)

// worstCases are documents as large as can be, each filled with what one part of
// the parser finds costly.
func worstCases() map[string][]byte {
	const head = `{"id":"https://a.example/1","type":"Note","inbox":"https://a.example/in","actor":"https://a.example/u",`
	fill := func(before, unit, after string) []byte {
		n := (MaxDocument - len(head) - len(before) - len(after)) / len(unit)
		n = min(n, (maxValues-64)/(1+strings.Count(unit, ":")*2+strings.Count(unit, ",")))
		return []byte(head + before + strings.Repeat(unit, n) + after)
	}
	html := func(unit string) []byte { return fill(`"content":"`, unit, `","summary":"#"}`) }
	return map[string][]byte{
		"keys":              fill(``, `"k":1,`, `"z":1}`),
		"same key":          fill(``, `"tag":[],`, `"z":1}`),
		"escaped keys":      fill(``, `"\u0074ag":0,`, `"z":1}`),
		"prefixed keys":     fill(``, `"as:tag":0,`, `"z":1}`),
		"numbers":           fill(`"to":[`, `1,`, `1]}`),
		"audience":          fill(`"to":[`, `"http://a/",`, `1]}`),
		"odd audience":      fill(`"to":[`, `"HTTP://é.a/",`, `1]}`),
		"audience objects":  fill(`"to":[`, `{"id":{}},`, `1]}`),
		"types":             fill(`"as:type":[`, `"x-",`, `1],"tag":[]}`),
		"types of a tag":    fill(`"tag":[{"type":[`, `"x-",`, `"Hashtag"]}]}`),
		"hashtags":          fill(`"tag":[`, `{"type":"Hashtag","name":"#ﷺΣ"},`, `1]}`),
		"long hashtag":      fill(`"tag":[{"type":"Hashtag","name":"`, `ﷺ`, `"}]}`),
		"mentions":          fill(`"tag":[`, `{"type":"Mention","href":"http://a/"},`, `1]}`),
		"emojis":            fill(`"tag":[`, `{"type":"Emoji","name":":a:","icon":"http://a/"},`, `1]}`),
		"emoji with icons":  fill(`"tag":[{"type":"Emoji","name":":a:","icon":[`, `{"url":1},`, `1]}]}`),
		"links":             fill(`"attachment":[`, `{"type":"Link","href":"http://a/"},`, `1]}`),
		"empty attachments": fill(`"attachment":[`, `{},`, `1]}`),
		"attachment URLs":   fill(`"attachment":[{"type":"Image","url":[`, `{"href":1},`, `1]}]}`),
		"fields":            fill(`"attachment":[`, `{"type":"PropertyValue","name":"#a","value":"<b>#a"},`, `1]}`),
		"languages":         fill(`"content":"x","contentMap":{`, `"en":"y",`, `"z":1}}`),
		"contexts":          fill(`"@context":[`, `{"@language":1},`, `1]}`),
		"searchers":         fill(`"searchableBy":[`, `"http://a/",`, `1]}`),
		"robots":            fill(`"xRobotsTag":["`, `a `, `"]}`),
		"labels":            fill(`"labels":[`, `{"val":"a"},`, `1]}`),
		"signatures":        fill(`"signature":[`, `{"type":"RsaSignature2017","creator":"http://a/"},`, `1]}`),
		"escapes":           fill(`"content":"`, `\u0000`, `"}`),
		"surrogates":        fill(`"content":"`, `\ud800`, `"}`),
		"invalid UTF-8":     fill(`"content":"`, "\xff", `"}`),
		"biography of tags": fill(`"summary":"`, `#a`, `"}`),
		"biography of #":    fill(`"summary":"`, `#`, `"}`),
		"title":             fill(`"name":"`, `é`, `"}`),
		"anchors":           html(`<a href=http://a/>`),
		"open elements":     html(`<b>`),
		"paragraphs":        html(`<p>`),
		"attributes":        html(`<a a=a b=b `),
		"ampersands":        html(`&`),
	}
}

// TestWorstCases parses them as what they are and as an actor. All of it is
// linear: a quadratic step, some 10^10 steps here, would keep the test from
// ending. BenchmarkWorstCases says what each costs.
func TestWorstCases(t *testing.T) {
	for name, raw := range worstCases() {
		t.Run(name, func(t *testing.T) {
			checkActivity(t, raw)
			if _, err := ParseObject(raw); err != nil {
				t.Error(err)
			}
			if _, err := ParseActor([]byte(strings.Replace(string(raw), `"Note"`, `"Person"`, 1))); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkWorstCases bounds what a stranger can make a parse cost: see that
// none stands out, in time or in memory.
func BenchmarkWorstCases(b *testing.B) {
	for name, raw := range worstCases() {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseObject(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
