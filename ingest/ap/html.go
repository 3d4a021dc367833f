package ap

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Sanitise returns HTML that may be shown: Mastodon's elements and classes,
// headings as bold paragraphs, links of Mastodon's schemes with
// rel="nofollow noopener noreferrer", every element closed, at most 96 KiB.
// What it returns it leaves unchanged.
//
// Two passes make it: rewriter does what Mastodon does, and the policy of
// bluemonday has the last word on all that holds an attribute, so that a mistake in
// the first can lose markup but not let any through.
func Sanitise(s string) string {
	out, _, _ := rewrite(s, maxHTML)
	return out
}

// PlainText returns the text of HTML: entities decoded, white space collapsed,
// one line feed for <br>, two between paragraphs. Mastodon's "invisible" parts
// of links (the scheme, the end of a long path) are kept, so that a link reads
// as it is.
func PlainText(s string) string {
	_, text, _ := rewrite(s, 0)
	return text
}

// anchor is a link of sanitised HTML.
type anchor struct {
	href string // http or https, cleaned
	tag  bool   // marked as a mention or a hashtag
}

// rewrite sanitises s to at most limit bytes of HTML (none when limit is 0), and
// brings its text and links.
func rewrite(s string, limit int) (out, text string, anchors []anchor) {
	s = cut(s, maxHTML)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	r := rewriter{limit: limit, full: limit == 0}
	if limit > 0 {
		r.html = make([]byte, 0, min(limit, len(s)+len(s)/4+64))
	}
	if strings.ContainsAny(s, "<&") {
		r.run(s)
	} else {
		r.characters([]byte(s))
	}
	r.closeTo(0)
	switch {
	case limit == 0:
	case bareMarkup(r.html): // nothing that the policy could take out
		out = string(r.html)
	default:
		out = policy.SanitizeReader(bytes.NewReader(r.html)).String()
	}
	return strings.TrimSpace(out), r.text.String(), r.anchors
}

// bareMarkup reports whether all markup of sanitised HTML is elements without
// attributes that any reader knows, or none: so it is in most posts without links,
// and the policy costs more than all the rest of reading a post.
func bareMarkup(b []byte) bool {
	for {
		start := bytes.IndexByte(b, '<')
		if start < 0 {
			return true
		}
		b = b[start+1:]
		end := bytes.IndexByte(b, '>')
		if end < 0 || !bareTags[string(b[:end])] {
			return false
		}
		b = b[end+1:]
	}
}

// bareTags are tags without their brackets, none of an element that runs, loads
// or leads anywhere.
var bareTags = func() map[string]bool {
	m := map[string]bool{"br": true}
	for name := range strings.FieldsSeq("p del s pre blockquote code b strong u i em ul ol li ruby rt rp") {
		m[name], m["/"+name] = true, true
	}
	return m
}()

// role is what the rewriter does with an element.
type role uint8

const (
	roleUnknown role = iota // its tags are dropped, its text is kept
	roleInline
	roleBlock
	roleHeading // a bold paragraph, as Mastodon makes it
	roleItem    // li
	roleBreak   // br
	roleDivider // dropped like an unknown one, but what was on two lines stays there
	roleSpace   // a cell: dropped, and a space between
	roleSkip    // dropped with all that it holds
)

// tag is an element that the rewriter knows.
type tag struct {
	name string
	role role
}

var tags = newTags(map[role]string{
	roleInline:  "a span del s code em strong b i u ruby rt rp",
	roleBlock:   "p pre blockquote ul ol",
	roleHeading: "h1 h2 h3 h4 h5 h6",
	roleItem:    "li",
	roleBreak:   "br",
	roleDivider: "div hr section article aside header footer main nav figure figcaption table tr caption dl dt dd " +
		"details summary address center",
	roleSpace: "td th",
	roleSkip: "script style title textarea iframe noembed noframes noscript object template svg select audio video " +
		"canvas",
})

func newTags(roles map[role]string) map[string]tag {
	m := make(map[string]tag)
	for r, names := range roles {
		for name := range strings.FieldsSeq(names) {
			m[name] = tag{name: name, role: r}
		}
	}
	return m
}

// element is an open element of the output.
type element struct {
	name   string // as written
	source string // the end tag that closes it; "" when only its parent does
}

// rewriter turns HTML into the HTML that we show, in one pass over its tokens.
// Its cost is linear: elements are found on a stack of bounded height.
type rewriter struct {
	html    []byte
	limit   int
	full    bool // limit reached: html is finished, text goes on
	text    plainText
	anchors []anchor

	open  [maxNesting]element
	depth int

	inline  bool // there is something on the current line
	divided bool // a divider came after it: a break before what follows

	skipped string // element whose content is skipped
	nested  int    // how many of that name are open

	markup []byte // scratch
}

func (r *rewriter) run(s string) {
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if r.skipped == "" {
				r.characters(z.Text())
			}
		case html.StartTagToken:
			r.start(z, false)
		case html.SelfClosingTagToken:
			r.start(z, true)
		case html.EndTagToken:
			name, _ := z.TagName()
			r.end(tags[string(name)])
		}
	}
}

func (r *rewriter) start(z *html.Tokenizer, selfClosing bool) {
	b, hasAttributes := z.TagName()
	t := tags[string(b)]
	name := t.name
	if r.skipped != "" {
		if name == r.skipped && !selfClosing {
			r.nested++
		}
		return
	}
	switch t.role {
	case roleInline:
		r.startInline(name, z, hasAttributes)
	case roleBlock:
		r.startBlock(name, name, attributes(z, hasAttributes))
	case roleItem:
		r.closeItem()
		r.startBlock(name, name, attributes(z, hasAttributes))
	case roleHeading:
		if r.depth+2 <= maxNesting {
			r.startBlock("p", name, tagAttributes{})
			r.push("strong", "", tagAttributes{})
		}
	case roleBreak:
		r.lineBreak()
	case roleDivider:
		r.divide()
	case roleSpace:
		r.characters([]byte{' '})
	case roleSkip:
		if !selfClosing {
			r.skipped, r.nested = name, 1
		}
	}
}

func (r *rewriter) startInline(name string, z *html.Tokenizer, hasAttributes bool) {
	a := attributes(z, hasAttributes)
	if name == "a" {
		r.end(tags["a"]) // links do not nest
		if a.href = cleanHref(a.href); a.href == "" {
			return
		}
		if len(r.anchors) < 4*maxLinks {
			if u := cleanURI(a.href); u != "" {
				r.anchors = append(r.anchors, anchor{href: u, tag: a.marked})
			}
		}
	}
	r.content()
	r.push(name, name, a)
}

func (r *rewriter) startBlock(name, source string, a tagAttributes) {
	if name != "li" {
		r.endParagraph()
	}
	r.block(name == "li")
	r.push(name, source, a)
	if name == "pre" {
		r.text.pre++
	}
}

// end closes the innermost element that the end tag belongs to, and what is
// open in it.
func (r *rewriter) end(t tag) {
	if r.skipped != "" {
		if t.name == r.skipped {
			if r.nested--; r.nested == 0 {
				r.skipped = ""
			}
		}
		return
	}
	switch t.role {
	case roleUnknown, roleSkip:
		return
	case roleDivider:
		r.divide()
		return
	case roleSpace:
		r.characters([]byte{' '})
		return
	case roleBreak: // "</br>" is a break to browsers
		r.lineBreak()
		return
	}
	for i := r.depth - 1; i >= 0; i-- {
		if r.open[i].source == t.name {
			r.closeTo(i)
			return
		}
	}
}

// endParagraph closes an open p: blocks do not stand in paragraphs.
func (r *rewriter) endParagraph() {
	for i := r.depth - 1; i >= 0; i-- {
		if r.open[i].name == "p" {
			r.closeTo(i)
			return
		}
	}
}

// closeItem closes an open li of the same list.
func (r *rewriter) closeItem() {
	for i := r.depth - 1; i >= 0; i-- {
		switch r.open[i].name {
		case "li":
			r.closeTo(i)
			return
		case "ul", "ol":
			return
		}
	}
}

func (r *rewriter) push(name, source string, a tagAttributes) {
	if r.depth == maxNesting {
		return
	}
	if !r.full {
		r.markup = append(a.append(append(append(r.markup[:0], '<'), name...), name), '>')
		r.emit(r.markup)
	}
	r.open[r.depth] = element{name: name, source: source}
	r.depth++
}

// closeTo closes the open elements down to depth.
func (r *rewriter) closeTo(depth int) {
	for r.depth > depth {
		name := r.open[r.depth-1].name
		if !r.full {
			r.markup = append(append(append(r.markup[:0], "</"...), name...), '>')
			r.emit(r.markup)
		}
		r.depth--
		switch tags[name].role {
		case roleBlock:
			r.block(false)
			if name == "pre" {
				r.text.pre--
			}
		case roleItem:
			r.block(true)
		}
	}
}

// block marks that a new line begins, in the text after an empty one unless it
// is an item of a list.
func (r *rewriter) block(item bool) {
	r.inline, r.divided = false, false
	if item {
		r.text.item()
	} else {
		r.text.paragraph()
	}
}

func (r *rewriter) divide() {
	r.divided = r.inline
	r.text.item()
}

func (r *rewriter) lineBreak() {
	r.emit(lineBreak)
	r.inline, r.divided = false, false
	r.text.lineBreak()
}

// content says that something of the current line follows.
func (r *rewriter) content() {
	if r.divided {
		r.emit(lineBreak)
		r.divided = false
	}
	r.inline = true
}

var lineBreak = []byte("<br>")

// emit writes markup as a whole, or ends the HTML: then all that is open is
// closed at once.
func (r *rewriter) emit(markup []byte) {
	if r.full {
		return
	}
	if len(r.html)+len(markup) > r.room() {
		r.finish()
		return
	}
	r.html = append(r.html, markup...)
}

// room is how long the HTML may become with space left to close what is open.
func (r *rewriter) room() int {
	return r.limit - (r.depth+1)*len("</blockquote>")
}

func (r *rewriter) finish() {
	r.full = true
	for i := r.depth - 1; i >= 0; i-- {
		r.html = append(append(append(r.html, "</"...), r.open[i].name...), '>')
	}
}

// characters writes text.
func (r *rewriter) characters(b []byte) {
	if len(b) == 0 {
		return
	}
	if (r.divided || !r.inline) && len(bytes.TrimSpace(b)) > 0 {
		r.content()
	}
	r.text.write(b)
	if !r.full {
		var fits bool
		if r.html, fits = appendEscaped(r.html, b, r.room()); !fits {
			r.finish()
		}
	}
}

// appendEscaped appends text as package html escapes it, without control
// characters. It stops before limit, at the start of a character.
func appendEscaped(dst, b []byte, limit int) (_ []byte, fits bool) {
	for i := 0; i < len(b); {
		if n := plainRun(b[i:]); n > 0 && len(dst)+n <= limit {
			dst = append(dst, b[i:i+n]...)
			i += n
			continue
		}
		c := b[i]
		var esc string
		switch {
		case c == '&':
			esc = "&amp;"
		case c == '\'':
			esc = "&#39;"
		case c == '<':
			esc = "&lt;"
		case c == '>':
			esc = "&gt;"
		case c == '"':
			esc = "&#34;"
		case c == '\r':
			esc = "\n"
		case c < ' ' && c != '\n' && c != '\t' || c == 0x7f:
			i++
			continue
		default:
			size := 1
			if c >= utf8.RuneSelf {
				_, size = utf8.DecodeRune(b[i:])
			}
			if len(dst)+size > limit {
				return dst, false
			}
			dst = append(dst, b[i:i+size]...)
			i += size
			continue
		}
		if len(dst)+len(esc) > limit {
			return dst, false
		}
		dst = append(dst, esc...)
		i++
	}
	return dst, true
}

// plainRun is how many bytes at the start of b are written as they are.
func plainRun(b []byte) int {
	for i, c := range b {
		if !writtenAsIs[c] {
			return i
		}
	}
	return len(b)
}

var writtenAsIs = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c != 0x7f || c == '\n' || c == '\t'
	}
	for _, c := range "&'<>\"" {
		plain[c] = false
	}
	return plain
}()
