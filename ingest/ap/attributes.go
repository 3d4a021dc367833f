package ap

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// tagAttributes are the attributes that elements may keep.
type tagAttributes struct {
	href         string
	class        string // only the classes that Mastodon keeps
	start, value string // of ol and li: whole numbers
	reversed     bool
	literal      bool // translate="no"
	marked       bool // class or rel says that the link is a mention or a hashtag
}

// attributes reads the attributes of the tag that z stands at.
func attributes(z *html.Tokenizer, more bool) (a tagAttributes) {
	var seen struct{ href, class bool }
	for i := 0; more && i < maxAttributes; i++ {
		var key, val []byte
		key, val, more = z.TagAttr()
		switch string(key) {
		case "href":
			if !seen.href && len(val) <= maxURI {
				a.href = string(val)
			}
			seen.href = true // of doubles the first one counts (HTML §13.2.5.33)
		case "class":
			if !seen.class {
				a.class = classes(val)
				a.marked = a.marked || strings.Contains(a.class, "mention") || strings.Contains(a.class, "hashtag")
			}
			seen.class = true
		case "rel": // Misskey marks hashtags only here
			a.marked = a.marked || bytes.Contains(val, []byte("tag"))
		case "translate":
			a.literal = string(val) == "no"
		case "start":
			a.start = wholeNumber(val)
		case "value":
			a.value = wholeNumber(val)
		case "reversed":
			a.reversed = true
		}
	}
	return a
}

// append writes the attributes that an element of that name may have, in one
// order.
func (a *tagAttributes) append(dst []byte, name string) []byte {
	switch name {
	case "a":
		dst = append(dst, ` href="`...)
		dst, _ = appendEscaped(dst, []byte(a.href), len(dst)+6*maxURI)
		dst = append(dst, '"')
		dst = a.appendClass(dst)
		dst = append(dst, ` rel="nofollow noopener noreferrer" target="_blank"`...)
		return a.appendTranslate(dst)
	case "span":
		return a.appendTranslate(a.appendClass(dst))
	case "p":
		return a.appendClass(dst)
	case "ol":
		if a.start != "" {
			dst = append(append(append(dst, ` start="`...), a.start...), '"')
		}
		if a.reversed {
			dst = append(dst, ` reversed=""`...)
		}
	case "li":
		if a.value != "" {
			dst = append(append(append(dst, ` value="`...), a.value...), '"')
		}
	}
	return dst
}

func (a *tagAttributes) appendClass(dst []byte) []byte {
	if a.class == "" {
		return dst
	}
	return append(append(append(dst, ` class="`...), a.class...), '"')
}

func (a *tagAttributes) appendTranslate(dst []byte) []byte {
	if a.literal {
		dst = append(dst, ` translate="no"`...)
	}
	return dst
}

// classes keeps of a class attribute what Mastodon keeps: microformats and the
// names that clients draw mentions, hashtags and shortened links by.
func classes(val []byte) string {
	if len(val) > maxLabel {
		val = val[:maxLabel]
	}
	if s, ok := commonClasses[string(val)]; ok {
		return s
	}
	var out []byte
	n := 0
	for _, c := range bytes.Fields(val) {
		if n < maxClasses && keepClass(string(c)) {
			if n > 0 {
				out = append(out, ' ')
			}
			out = append(out, c...)
			n++
		}
	}
	return string(out)
}

// commonClasses spares the most frequent ones the work.
var commonClasses = map[string]string{
	"":                "",
	"h-card":          "h-card",
	"u-url mention":   "u-url mention",
	"mention hashtag": "mention hashtag",
	"invisible":       "invisible",
	"ellipsis":        "ellipsis",
}

func keepClass(c string) bool {
	switch c {
	case "mention", "hashtag", "ellipsis", "invisible", "quote-inline":
		return true
	}
	for i := range len(c) {
		if !classByte(c[i]) {
			return false
		}
	}
	for _, prefix := range []string{"h-", "p-", "u-", "dt-", "e-"} {
		if strings.HasPrefix(c, prefix) {
			return true
		}
	}
	return false
}

func classByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// wholeNumber returns val when it is a number of at most nine digits, else "".
func wholeNumber(val []byte) string {
	d := bytes.TrimPrefix(val, []byte("-"))
	if len(d) == 0 || len(d) > 9 || digits(d, 0) != len(d) {
		return ""
	}
	return string(val)
}
