package main

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// render draws a view as the rows of a screen: height rows at most, none wider than
// width. It knows no terminal, so tests can look at what it draws.
func render(v *view, width, height int, now time.Time) []*line {
	var rows []*line
	switch v.page {
	case pageCommands:
		rows = commandsPage(v, width)
	case pageServers:
		rows = serversPage(v, width, height, now)
	default:
		rows = livePage(v, width, height, now)
	}
	return rows[:min(len(rows), height)]
}

// livePage has what is always there at the top and at the bottom, and posts between.
func livePage(v *view, width, height int, now time.Time) []*line {
	top := append(header(v, width), flowRows(v, width)...)
	top = append(top, resultRow(v, width))
	room := height - len(top)
	if room >= 12 {
		top = append(top, troubleRows(v, width, min(6, (room-8)/4), now)...)
	}
	bottom := footer(v, width, height >= 20)
	if height < 14 {
		bottom = nil
	}
	middle := postRows(v, width, height-len(top)-len(bottom))
	return append(append(top, middle...), bottom...)
}

// header says what this is and who takes part.
func header(v *view, width int) []*line {
	first := newLine(width).add(accent, " Tributary").add(faint, "  a relay among ").add(normal, plural(v.world.servers, "simulated server"))
	first.right(faint, clock(v.elapsed)+" ", width-first.width)
	second := newLine(width)
	if v.phase != "" {
		return []*line{first, second.add(warn, " "+v.phase), newLine(width)}
	}
	second.add(faint, fmt.Sprintf(" %d subscribed", v.world.subscribed))
	for _, t := range v.world.natures {
		second.add(faint, fmt.Sprintf(", %.0f %s", t.n, t.name))
	}
	if v.world.strangers > 0 {
		second.add(faint, ", "+plural(v.world.strangers, "stranger"))
	}
	if v.world.down > 0 {
		second.add(warn, fmt.Sprintf(", %d away", v.world.down))
	}
	if refused := "  " + count(v.refused) + " posts refused"; v.refused > 0 && second.width+len(refused) <= width {
		second.add(faint, refused)
	}
	own := fmt.Sprintf("serve %.0f%% CPU  %s  pid %d ", v.relay.cpu*100, memory(v.relay.rss), v.relay.pid)
	if second.width+len(own)+2 <= width {
		second.right(faint, own, width-second.width)
	}
	return []*line{first, second, newLine(width)}
}

// flowRows are the rates on the left and the distances on the right.
func flowRows(v *view, width int) []*line {
	left := width
	switch {
	case width >= 100:
		left = width * 11 / 20
	case width >= 72:
		left = 41 // leaves room for three states at 80
	}
	side := sideCells(v)
	rows := make([]*line, 0, len(v.flows))
	for i, f := range v.flows {
		l := newLine(width).cell(faint, " "+f.name, 12)
		if f.off != "" {
			l.add(faint, f.off)
		} else {
			l.right(strong, perSecond(f.rate), 6).cell(faint, "/s", 4)
			l.add(accent, spark(f.history, max(0, min(60, left-l.width-12)))).right(normal, count(f.total), 10)
		}
		if width > left && i < len(side) {
			l.to(left+2).cell(faint, side[i].name, 13)
			for _, t := range side[i].parts {
				l.add(t.style, t.name)
			}
		}
		rows = append(rows, l)
	}
	return rows
}

// sideCell is a name and what stands beside it.
type sideCell struct {
	name  string
	parts []tally
}

func sideCells(v *view) []sideCell {
	servers := []tally{{name: fmt.Sprintf("%d live", v.lanes.live), style: good}}
	if v.lanes.catchingUp > 0 {
		servers = append(servers, tally{name: fmt.Sprintf(" %d back", v.lanes.catchingUp), style: warn})
	}
	if v.lanes.failing > 0 {
		servers = append(servers, tally{name: fmt.Sprintf(" %d failing", v.lanes.failing), style: bad})
	}
	behind := []tally{{name: count(v.lanes.median) + " median", style: normal}, {name: "  " + count(v.lanes.last) + " last", style: faint}}
	index := []tally{{name: count(v.index.lag) + " behind", style: normal}}
	if v.index.off {
		index = []tally{{name: "off", style: faint}}
	}
	reader := []tally{{name: "—", style: faint}}
	if v.delay > 0 {
		reader = []tally{{name: short(v.delay), style: normal}, {name: "  to readers", style: faint}}
	}
	return []sideCell{{"delay", reader}, {"subscribers", servers}, {"their lag", behind}, {"index lag", index}}
}

// resultRow is how deliveries ended, since the start.
func resultRow(v *view, width int) *line {
	l := newLine(width).cell(faint, " results", 12)
	for i, t := range v.results {
		if i > 0 {
			l.add(faint, "  ")
		}
		s := t.style
		if t.n == 0 {
			s = faint
		}
		l.add(s, count(t.n)).add(faint, " "+t.name)
	}
	return l
}

// troubleRows are the servers whose breaker is open.
func troubleRows(v *view, width, most int, now time.Time) []*line {
	var failing []server
	for _, s := range v.servers {
		if s.state == "failing" {
			failing = append(failing, s)
		}
	}
	rows := make([]*line, 0, most)
	for i, s := range failing {
		if i == most {
			break
		}
		l := newLine(width)
		if i == 0 {
			l.add(faint, " breakers")
		}
		l.to(12).cell(bad, s.host, 17)
		tail := nextTry(s.next, now)
		if i == most-1 && len(failing) > most {
			tail += fmt.Sprintf("  +%d more", len(failing)-most)
		}
		l.cell(faint, s.trouble, max(0, width-l.width-columns(tail)-3)).add(faint, "  "+tail)
		rows = append(rows, l)
	}
	if len(rows) == 0 && most > 0 {
		rows = append(rows, newLine(width).cell(faint, " breakers", 12).add(faint, "all closed"))
	}
	return rows
}

func nextTry(at, now time.Time) string {
	if wait := at.Sub(now); !at.IsZero() && wait > 0 {
		return "again in " + short(max(wait, time.Second))
	}
	return "trying"
}

// rule is a heading over the whole width.
func rule(width int, name, more string) *line {
	l := newLine(width).add(faint, " ── ").add(strong, name)
	if more != "" {
		l.add(faint, "  "+more)
	}
	return l.add(normal, " ").add(faint, strings.Repeat("─", max(0, width-l.width-1)))
}

// postRows fill exactly room rows with the newest posts.
func postRows(v *view, width, room int) []*line {
	if room <= 0 {
		return nil
	}
	rows := make([]*line, 0, room)
	if room >= 4 {
		rows = append(rows, newLine(width))
	}
	rows = append(rows, rule(width, "newest posts", aboutPosts(v)))
	for _, p := range v.posts {
		drawn := postRow(p, width)
		if len(rows)+len(drawn) > room {
			break
		}
		rows = append(rows, drawn...)
	}
	for len(rows) < room {
		rows = append(rows, newLine(width))
	}
	return rows
}

func aboutPosts(v *view) string {
	switch {
	case v.held > 0:
		return fmt.Sprintf("held, %d newer: space goes on", v.held)
	case v.held == 0:
		return "held: space goes on"
	case v.skipped > 0:
		return fmt.Sprintf("and %s that passed by unseen", count(float64(v.skipped)))
	}
	return ""
}

// wide is from how many cells a post fits one row.
const wide = 120

func postRow(p post, width int) []*line {
	text, textStyle := p.text, normal
	if p.erased {
		text, textStyle = p.fate, gone
	}
	user, domain, _ := strings.Cut(p.acct, "@")
	name := author + style(colourOf(p.acct))
	if width >= wide {
		l := newLine(width).add(normal, " ").add(faint, at(p)).add(normal, "  ")
		l.cell(name, p.name, 14).add(normal, " ").cell(faint, user+"@"+domain, 26).add(normal, " ")
		tags := tagText(p, 26)
		l.cell(textStyle, mark(p)+text, max(0, width-l.width-columns(tags)-3))
		l.to(width-columns(tags)-2).add(accent, tags)
		return []*line{l}
	}
	head := newLine(width).add(normal, " ").add(name, cut(p.name, width/4)).add(faint, "  "+user+"@"+domain).add(warn, suffix(p))
	tags := tagText(p, max(0, width-head.width-12))
	head.to(width-columns(tags)-11).add(accent, tags).to(width-9).add(faint, at(p))
	return []*line{head, newLine(width).add(normal, "   ").add(textStyle, text)}
}

// at is when a post came. Not how long ago: a row would change each second, and what
// moves draws the eye.
func at(p post) string { return p.time.Local().Format("15:04:05") }

// mark says before the text that it is not the first one.
func mark(p post) string {
	if p.fate != "" && !p.erased {
		return p.fate + ": "
	}
	return ""
}

func suffix(p post) string {
	if p.fate != "" && !p.erased {
		return "  " + p.fate
	}
	return ""
}

func tagText(p post, cells int) string {
	if p.erased {
		return ""
	}
	var b strings.Builder
	for _, tag := range p.tags {
		next := " #" + tag
		if columns(b.String())+columns(next) > cells {
			break
		}
		b.WriteString(next)
	}
	return strings.TrimPrefix(b.String(), " ")
}

// colourOf gives an author the same colour everywhere.
func colourOf(acct string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(acct))
	return h.Sum32() % authorColours
}

// footer says where to point a client, and which keys there are.
func footer(v *view, width int, urls bool) []*line {
	var rows []*line
	if urls && v.guide.base != "" {
		rows = append(rows, newLine(width), rule(width, "point a client here", "no token needed: --dev"))
		rows = append(rows, newLine(width).cell(faint, " firehose", 12).add(normal, v.guide.firehose()))
		if v.index.off {
			rows = append(rows, newLine(width).cell(faint, " index", 12).add(faint, searchOff))
		} else {
			rows = append(rows,
				newLine(width).cell(faint, " timeline", 12).add(normal, v.guide.timeline()),
				newLine(width).cell(faint, " search", 12).add(normal, v.guide.search()+"?q=river"))
		}
	}
	keys := newLine(width).add(normal, " ")
	for _, k := range [][2]string{{"c", "commands to copy"}, {"s", "servers"}, {"space", "hold"}, {"q", "end"}} {
		keys.add(accent, k[0]).add(faint, " "+k[1]+"   ")
	}
	return append(rows, keys)
}

// searchOff is said where the index would be.
const searchOff = "search and timelines are off: no library for the index (make engine-lib, needs npm)"

// commandsPage has lines to copy: each stands alone, at the left, and is never cut; a
// terminal that is too narrow wraps it.
func commandsPage(v *view, width int) []*line {
	rows := []*line{newLine(width).add(accent, " To copy").add(faint, "   any key goes back"), newLine(width)}
	for i, c := range v.guide.commands(!v.index.off) {
		if c[0] != "" {
			if i > 0 {
				rows = append(rows, newLine(width))
			}
			rows = append(rows, newLine(width).add(faint, "# "+c[0]))
		}
		for _, part := range chunks(c[1], width) {
			rows = append(rows, newLine(width).add(normal, part))
		}
	}
	if v.index.off {
		rows = append(rows, newLine(width))
		rows = append(rows, newLine(width).add(faint, "# "+searchOff))
	}
	return rows
}

// chunks cuts a line of ASCII where a terminal would wrap it.
func chunks(s string, width int) []string {
	var parts []string
	for width > 0 && len(s) > width {
		parts, s = append(parts, s[:width]), s[width:]
	}
	return append(parts, s)
}

// serversPage lists the subscribed servers as the relay's operator sees them.
func serversPage(v *view, width, height int, now time.Time) []*line {
	software := 0
	if width >= 100 {
		software = 14
	}
	rows := []*line{
		newLine(width).add(accent, " Subscribed servers").add(faint, "   those in trouble first; any key goes back"),
		newLine(width),
		newLine(width).cell(faint, " host", 18).cell(faint, "software", software).cell(faint, "is", 9).cell(faint, "delivery", 11).
			right(faint, "lag", 6).right(faint, "delivered", 10).right(faint, "given up", 9).add(faint, "  last error"),
	}
	for i, s := range v.servers {
		if len(rows) == height-1 && i < len(v.servers)-1 {
			rows = append(rows, newLine(width).add(faint, fmt.Sprintf(" and %d more", len(v.servers)-i)))
			break
		}
		l := newLine(width).cell(normal, " "+s.host, 18).cell(faint, s.software, software).cell(faint, s.nature, 9).
			cell(stateStyle(s.state), strings.ReplaceAll(s.state, "_", " "), 11).
			right(normal, count(float64(s.lag)), 6).right(normal, count(float64(s.delivered)), 10).right(normal, count(float64(s.givenUp)), 9)
		if s.trouble != "" {
			l.add(faint, "  "+s.trouble)
		}
		if s.state == "failing" {
			l.add(faint, ", "+nextTry(s.next, now))
		}
		rows = append(rows, l)
	}
	return rows
}

func stateStyle(state string) style {
	switch state {
	case "live":
		return good
	case "failing":
		return bad
	}
	return warn
}
