package ap

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const rel = ` rel="nofollow noopener noreferrer" target="_blank"`

func TestSanitise(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"text", `a & b < c > "d" 'e'`, `a &amp; b &lt; c &gt; &#34;d&#34; &#39;e&#39;`},
		{"entities", "&lt;b&gt; &amp; &eacute;&#39;", "&lt;b&gt; &amp; é&#39;"},
		{"allowed", "<p>a<br>b <b>c</b> <em>d</em></p><ul><li>e</li></ul>", "<p>a<br>b <b>c</b> <em>d</em></p><ul><li>e</li></ul>"},
		{"self-closing", "a<br/>b<br />c", "a<br>b<br>c"},
		{
			"mastodon link", `<a href="https://a.example/x" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="">a.example/x</span></a>`,
			`<a href="https://a.example/x"` + rel + ` translate="no"><span class="invisible">https://</span><span>a.example/x</span></a>`,
		},
		{
			"mention of Friendica", `<span class="h-card"><a href="https://l.example/u/j" class="u-url mention" title="j">@<span>j</span></a></span>`,
			`<span class="h-card"><a href="https://l.example/u/j" class="u-url mention"` + rel + `>@<span>j</span></a></span>`,
		},
		{
			"one class of several", `<a href="https://a.example/" class="mention evil hashtag status-link">x</a>`,
			`<a href="https://a.example/" class="mention hashtag"` + rel + `>x</a>`,
		},
		{"class with markup", `<span class='h-"><script>x'>y</span>`, `<span>y</span>`},
		{"headings", "<h1>A <i>b</i></h1><h6>c</h6>d", "<p><strong>A <i>b</i></strong></p><p><strong>c</strong></p>d"},
		{"end tag of another heading", "<h1>a</h2>b</h1>c", "<p><strong>ab</strong></p>c"},
		{"script", `a<script>alert("1")</script>b`, "ab"},
		{"script in svg", `a<svg><script>alert(1)</script></svg>b`, "ab"},
		{"unclosed script", `a<script>alert(1)`, "a"},
		{"style and iframe", `<style>p{}</style><iframe src="https://x.example">y</iframe>z`, "z"},
		{"event handlers", `<p onclick="x()" style="color:red" id="a">b</p>`, "<p>b</p>"},
		{"image", `a<img src=x onerror=alert(1)>b`, "ab"},
		{"comment", "a<!-- <b> -->b<!doctype html>c", "abc"},
		{"unknown element", "<foo><bar-baz>a</bar-baz></foo>", "a"},
		{"divs are lines", "<div>a</div><div>b</div>c", "a<br>b<br>c"},
		{"div around paragraphs", "<div><p>a</p></div><div><p>b</p></div>", "<p>a</p><p>b</p>"},
		{"table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a  b  <br>c"},
		{"rule", "<p>a</p><hr /><p>b</p>", "<p>a</p><p>b</p>"},
		{"unclosed", "<p>a<b>b", "<p>a<b>b</b></p>"},
		{"stray end tags", "a</p></span></b></ul>b", "ab"},
		{"wrong order", "<b>a<i>b</b>c</i>d", "<b>a<i>b</i></b>cd"},
		{"paragraph in paragraph", "<p>a<p>b</p>c</p>d", "<p>a</p><p>b</p>cd"},
		{
			"link in link", `<a href="https://a.example/">a<a href="https://b.example/">b</a></a>`,
			`<a href="https://a.example/"` + rel + `>a</a><a href="https://b.example/"` + rel + `>b</a>`,
		},
		{
			"list", `<ol start="3" reversed><li value="7">a<li>b<ul><li>c</ul><li>d</ol>`,
			`<ol start="3" reversed=""><li value="7">a</li><li>b<ul><li>c</li></ul></li><li>d</li></ol>`,
		},
		{"list with odd numbers", `<ol start="3x"><li value="9999999999999">a</li></ol>`, `<ol><li>a</li></ol>`},
		{"ruby", "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>"},
		{"magnet", `<a href="magnet:?xt=urn:btih:00">a</a>`, `<a href="magnet:?xt=urn:btih:00"` + rel + `>a</a>`},
		{
			"xmpp and gemini", `<a href="XMPP:a@b.example">a</a><a href="gemini://c.example/">c</a>`,
			`<a href="xmpp:a@b.example"` + rel + `>a</a><a href="gemini://c.example/"` + rel + `>c</a>`,
		},
		{"javascript", `<a href="javascript:alert(1)">a</a>`, "a"},
		{"javascript in disguise", "<a href=\" jAva\tscript:alert(1)\">a</a><a href=\"&#106;avascript:x\">b</a>", "ab"},
		{"data and vbscript", `<a href="data:text/html,x">a</a><a href="vbscript:x">b</a>`, "ab"},
		{"relative links", `<a href="/x">a</a><a href="//h.example/x">b</a><a>c</a><a href="https:">d</a>`, "abcd"},
		{"query", `<a href="https://a.example/?a=1&b=&quot;2&quot;#c">a</a>`, "a"},
		{"ampersand", `<a href="https://a.example/?a=1&amp;b=2">a</a>`, `<a href="https://a.example/?a=1&amp;b=2"` + rel + `>a</a>`},
		{"non-ASCII path", `<a href="https://a.example/ü">a</a>`, `<a href="https://a.example/%C3%BC"` + rel + `>a</a>`},
		{"invalid UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"control characters", "a\x00\x01&#1;&#0;\x7fb", "a\uFFFDb"},
		{"plaintext element", "a<plaintext><b>b</b>", "a&lt;b&gt;b&lt;/b&gt;"},
		{"noscript", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>", "&#34;&gt;"},
		{"math", "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">", ""},
		{"template", "<template><p>a</p></template>b", "b"},
		{"end tag with attributes", `<p>a</p class="x">b`, "<p>a</p>b"},
		{"quote-inline", `<p class="quote-inline">RE: x</p>`, `<p class="quote-inline">RE: x</p>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Sanitise(tc.in); got != tc.want {
				t.Errorf("Sanitise(%q)\n got %q\nwant %q", tc.in, got, tc.want)
			}
			checkSanitised(t, tc.in)
		})
	}
}

func TestPlainText(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"a &amp; b &lt;3", "a & b <3"},
		{"<p>a</p><p>b<br>c<br><br>d</p>", "a\n\nb\nc\n\nd"},
		{"<p>a</p>\n<hr />\n<p>b</p>\n", "a\n\nb"},
		{"a\n  b\tc", "a b c"},
		{"<pre>a\n  b</pre>c", "a\n  b\n\nc"},
		{"<ul><li>a</li><li>b</li></ul>c", "a\nb\n\nc"},
		{"<div>a</div><div>b</div>", "a\nb"},
		{`<a href="https://a.example/x"><span class="invisible">https://</span><span class="ellipsis">a.exam</span><span class="invisible">ple/x</span></a>`, "https://a.example/x"},
		{"a<script>b</script>c", "ac"},
		{"<h1>a</h1>b", "a\n\nb"},
		{"<br><br>a<br>", "a"},
		{"😀&#128512;é", "😀😀é"},
	} {
		if got := PlainText(tc.in); got != tc.want {
			t.Errorf("PlainText(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

// TestSanitiseWorstCases feeds what is costly for parsers of HTML, as much as a
// document can hold. The output is bounded, and all is done in linear time: a
// quadratic step would keep this test from ending.
func TestSanitiseWorstCases(t *testing.T) {
	for name, unit := range map[string]string{
		"links":            "<a>",
		"links with href":  `<a href="http:x">`,
		"real links":       `<a href=http://a.b>`,
		"paragraphs":       "<p>",
		"bold":             "<b>",
		"lists":            "<ul><li>",
		"spans":            "<span class=h->",
		"end tags":         "</a>",
		"nested ends":      "<b><i></b>",
		"attributes":       "a ",
		"open bracket":     "<",
		"ampersands":       "&",
		"entities":         "&amp",
		"quotes":           `"`,
		"comments":         "<!--",
		"comment ends":     "<!-->",
		"scripts":          "<script>",
		"script comments":  "<script><!--<script>",
		"svg":              "<svg>",
		"divs":             "<div>a",
		"headings":         "<h1>",
		"carriage returns": "\r\n",
		"cdata":            "<![CDATA[",
		"textarea":         "<textarea></textarea>",
	} {
		t.Run(name, func(t *testing.T) {
			prefix := ""
			if name == "attributes" {
				prefix = "<a "
			}
			in := prefix + strings.Repeat(unit, MaxDocument/len(unit))
			out, text, anchors := rewrite(in, maxHTML)
			if len(out) > maxHTML || len(text) > maxHTML || len(anchors) > 4*maxLinks {
				t.Errorf("%d bytes of HTML, %d of text, %d links", len(out), len(text), len(anchors))
			}
			if again := Sanitise(out); again != out {
				t.Errorf("not stable: %.200q\n%.200q", out, again)
			}
			Sanitise("<p>" + strings.Repeat("<b "+strings.Repeat("x='y' ", 40)+">", 200))
		})
	}
}

// TestSanitiseLimit holds that what is cut is still well-formed.
func TestSanitiseLimit(t *testing.T) {
	in := strings.Repeat(`<p>ä<b>b "quoted"</b> <a href="https://a.example/">x</a></p>`, 50)
	for limit := 1; limit < 3000; limit += 7 {
		out, _, _ := rewrite(in, limit)
		if len(out) > limit {
			t.Fatalf("limit %d: %d bytes", limit, len(out))
		}
		if again, _, _ := rewrite(out, maxHTML); again != out {
			t.Fatalf("limit %d: not stable: %q", limit, out)
		}
	}
}

func FuzzSanitise(f *testing.F) {
	for _, s := range []string{
		"<p>a<br>b</p>", `<a href="https://a.example/?x=1&y=2" class="u-url mention">x</a>`, "<h1>a<p>b</h1>c",
		`<a href="java&#x0A;script:alert(1)">x</a>`, "<svg><style><img src=x onerror=alert(1)>",
		"<div>a</div>\n<div>b<br></div><pre> x\n</pre>", "<ul><li>a<li><ol start=-3 reversed><li value=2>b",
		"<p><a><p></a></p>", "<script>x</scr<script>ipt>", "&lt;script&gt;&amp;amp;", "<b\x00 a='\"'>\xff</b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkSanitised(t, s)
	})
}

var eventHandler = regexp.MustCompile(`^on`)

// checkSanitised holds what must be true of the output of any input: it is
// stable, bounded, balanced, has only the elements and attributes that are
// allowed, and the policy changes nothing of what the rewriter wrote.
func checkSanitised(t *testing.T, in string) {
	t.Helper()
	out := Sanitise(in)
	if again := Sanitise(out); again != out {
		t.Errorf("not stable:\n in    %q\n once  %q\n twice %q", in, out, again)
	}
	if len(out) > maxHTML {
		t.Errorf("%d bytes", len(out))
	}
	r := rewriter{limit: maxHTML}
	r.run(strings.ToValidUTF8(in, "\uFFFD"))
	r.closeTo(0)
	if got := string(policy.SanitizeBytes(r.html)); len(in) < maxHTML && got != string(r.html) {
		t.Errorf("the policy changed\n%q to\n%q", r.html, got)
	}
	var open []string
	for z := html.NewTokenizer(strings.NewReader(out)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("open at the end: %v in %q", open, out)
			}
			return
		case html.StartTagToken:
			tok := z.Token()
			for _, a := range tok.Attr {
				if eventHandler.MatchString(a.Key) || strings.Contains(strings.ToLower(a.Val), "javascript:") && !strings.HasPrefix(a.Val, "http") {
					t.Errorf("attribute %s=%q in %q", a.Key, a.Val, out)
				}
			}
			switch tags[tok.Data].role {
			case roleInline, roleBlock, roleItem:
				open = append(open, tok.Data)
			case roleBreak:
			default:
				t.Errorf("element %s in %q", tok.Data, out)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Errorf("end tag %s in %v: %q", name, open, out)
				return
			}
			open = open[:len(open)-1]
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
			t.Errorf("%s in %q", z.Raw(), out)
		}
	}
}

// What is bare needs no policy, and nothing else is bare.
func TestBareMarkup(t *testing.T) {
	bare := []string{
		"", "text &lt;b onload=1&gt;", "<p>a<br>b</p><p>c &amp; d</p>", "<blockquote><p>a</p></blockquote>",
		"<ul><li>a</li></ul><ol><li><ruby>b<rt>c</rt></ruby></li></ol>", "<pre><code>a\n b</code></pre>",
		"<p><strong>a</strong><em>b</em><b>c</b><i>d</i><u>e</u><del>f</del><s>g</s></p>",
	}
	for _, s := range bare {
		if !bareMarkup([]byte(s)) {
			t.Errorf("%q is not bare", s)
		}
		if got := policy.Sanitize(s); got != s {
			t.Errorf("the policy makes %q of %q", got, s)
		}
	}
	for _, s := range []string{
		"<", "<p", "<p>a</p", "<P>a</P>", "<p >a</p>", "<p class=\"a\">b</p>", "<a>b</a>", "<span>c</span>", "<script>", "</script>",
		"<!--", "<p><img src=x></p>", "< p>", "<p/>", "<>", "</>", "<//p>", "<p\x00>",
	} {
		if bareMarkup([]byte(s)) {
			t.Errorf("%q is bare", s)
		}
	}
}
