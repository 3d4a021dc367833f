package ap

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

// policy is what sanitised HTML may hold at all. It passes what rewriter writes
// unchanged (FuzzSanitise), and nothing else. It is safe for concurrent use.
var policy = newPolicy()

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "span", "a", "del", "s", "pre", "blockquote", "code", "b", "strong", "u", "i", "em",
		"ul", "ol", "li", "ruby", "rt", "rp")
	class := regexp.MustCompile(`^[A-Za-z0-9_-]+(?: [A-Za-z0-9_-]+)*$`)
	number := regexp.MustCompile(`^-?[0-9]{1,9}$`)
	p.AllowAttrs("class").Matching(class).OnElements("a", "span", "p")
	p.AllowAttrs("translate").Matching(regexp.MustCompile(`^no$`)).OnElements("a", "span")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^nofollow noopener noreferrer$`)).OnElements("a")
	p.AllowAttrs("target").Matching(regexp.MustCompile(`^_blank$`)).OnElements("a")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("start").Matching(number).OnElements("ol")
	p.AllowAttrs("reversed").Matching(regexp.MustCompile(`^$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(number).OnElements("li")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.AllowURLSchemes(linkSchemes...)
	return p
}
