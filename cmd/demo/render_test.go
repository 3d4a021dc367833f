package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// moment is the time of all views in tests.
var moment = time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)

func init() { time.Local = time.UTC } // what is shown is local time

// example is a view in which everything has something to show.
func example() *view {
	history := make([]float64, 60)
	for i := range history {
		history[i] = float64(i % 9)
	}
	v := &view{
		elapsed: 83 * time.Second, seed: 1, held: -1, skipped: 1234, refused: 37, delay: 34 * time.Millisecond,
		world: census{servers: 50, subscribed: 45, strangers: 5, down: 1, natures: []tally{{name: "slow", n: 4}, {name: "dead", n: 4}}},
		relay: process{pid: 4711, cpu: 0.217, rss: 61 << 20},
		flows: []flow{
			{name: "posts in", rate: 4.96, history: history, total: 1204},
			{name: "deliveries", rate: 201.4, history: history[:20], total: 50123},
			{name: "streamed", rate: 5, history: history, total: 1190},
			{name: "indexed", rate: 12345, history: history, total: 1234567890},
		},
		results: []tally{{"ok", 50123, good}, {"given up", 0, bad}, {"put off", 3, warn}, {"unreachable", 44, warn}, {"timed out", 0, warn}},
		lanes:   lanes{live: 40, catchingUp: 1, failing: 4, median: 1, last: 812, breakers: 4},
		index:   indexing{lag: 6},
		guide:   guide{base: "http://127.0.0.1:8080", token: "trib_" + strings.Repeat("x", 43), data: "/tmp/tributary-demo-1"},
	}
	for i := range 45 {
		s := server{host: fmt.Sprintf("127.0.0.1:%d", 40000+i), software: "mastodon", nature: "good", state: "live", delivered: 1190}
		if i < 4 {
			s.nature, s.state, s.lag, s.delivered = "dead", "failing", 812, 0
			s.trouble, s.next = "connection refused", moment.Add(time.Duration(i)*40*time.Second)
		}
		v.servers = append(v.servers, s)
	}
	texts := []string{
		"Quiet river under the old mill, current by the shore.",
		"静かな川は古い水車小屋の下を流れ、岸辺の草が風に揺れている。今日も雨が降る。",
		"نهر هادئ تحت الطاحونة القديمة",
		"Тихая река под старой мельницей, и снова дождь над городом, и снова дождь над городом, и снова дождь.",
		"고요한 강 🌊🏞️ 아래로", "नदी पुरानी चक्की के नीचे बहती है", "👩‍👩‍👧‍👦 family by the water 🇵🇹",
	}
	for i := range 40 {
		f := frame{Seq: uint64(i), Time: moment.Add(-time.Duration(i) * time.Second), URI: fmt.Sprint(i)}
		f.Post.Tags = []tag{{"river"}, {"静けさ"}}
		f.Post.Content = "<p>" + texts[i%len(texts)] + ` <a href="/tags/river">#<span>River</span></a></p>`
		f.Post.Account.Acct, f.Post.Account.DisplayName = fmt.Sprintf("user%d@127.0.0.1:%d", i%5, 40000+i), []string{"Ana Souza", "山田 花子", "Ольга"}[i%3]
		p := f.shown()
		switch i {
		case 2:
			p.fate = "edited"
		case 3:
			p.erase("deleted by its author")
		}
		v.posts = append(v.posts, p)
	}
	return v
}

func TestGolden(t *testing.T) {
	starting := newModel(1, moment).look(moment)
	starting.phase, starting.world.servers = "subscribing, 12 of 45", 50
	off := example()
	off.index.off, off.flows[flowIndexed].off = true, "off: the index has no library"
	commands, servers := example(), example()
	commands.page, servers.page = pageCommands, pageServers
	for _, c := range []struct {
		name          string
		v             *view
		width, height int
	}{
		{"live", example(), 80, 24},
		{"live", example(), 160, 50},
		{"live", example(), 100, 30},
		{"live", example(), 60, 16},
		{"live", example(), 30, 8},
		{"starting", &starting, 80, 24},
		{"off", off, 80, 24},
		{"commands", commands, 80, 24},
		{"commands", commands, 40, 30},
		{"servers", servers, 80, 24},
		{"servers", servers, 160, 50},
	} {
		name := fmt.Sprintf("%s-%dx%d", c.name, c.width, c.height)
		t.Run(name, func(t *testing.T) {
			rows := render(c.v, c.width, c.height, moment)
			var plain, coloured strings.Builder
			for _, row := range rows {
				plain.WriteString(row.plain() + "\n")
				coloured.WriteString(strings.ReplaceAll(row.terminal(), "\x1b", "^") + "\n")
			}
			golden(t, name+".txt", plain.String())
			if name == "live-80x24" {
				golden(t, name+".colours", coloured.String())
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (go test -update writes it):\n%s\nwant\n%s", path, got, want)
	}
}

// Whatever the window's size, no row is wider than it and no more rows are drawn.
func TestEverySize(t *testing.T) {
	v := example()
	for _, v.page = range []page{pageLive, pageCommands, pageServers} {
		for width := 1; width < 200; width += 3 {
			for height := 1; height < 60; height += 4 {
				checkRows(t, render(v, width, height, moment), width, height)
			}
		}
	}
}

// ours are the control sequences of our own: colours and columns.
var ours = regexp.MustCompile("\x1b\\[([0-9;]*m|[0-9]+G)")

func checkRows(t *testing.T, rows []*line, width, height int) {
	t.Helper()
	if len(rows) > height {
		t.Fatalf("%dx%d: %d rows", width, height, len(rows))
	}
	for i, row := range rows {
		if n := columns(row.plain()); n > width {
			t.Fatalf("%dx%d: row %d has %d cells: %q", width, height, i, n, row.plain())
		}
		rest := ours.ReplaceAllString(row.terminal(), "")
		if at := strings.IndexFunc(rest, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }); at >= 0 {
			t.Fatalf("%dx%d: row %d has a control character: %q", width, height, i, rest)
		}
	}
}

func TestPainterSendsWhatChanged(t *testing.T) {
	rows := func(texts ...string) []*line {
		var all []*line
		for _, text := range texts {
			all = append(all, newLine(20).add(normal, text))
		}
		return all
	}
	p := &painter{}
	first := string(p.paint(rows("one", "two"), 20, 3))
	if want := beginFrame + "\x1b[m\x1b[2J\x1b[1;1H\x1b[2Kone\x1b[2;1H\x1b[2Ktwo" + endFrame; first != want {
		t.Errorf("first frame %q, want %q", first, want)
	}
	if again := p.paint(rows("one", "two"), 20, 3); again != nil {
		t.Errorf("the same frame sends %q", again)
	}
	if got, want := string(p.paint(rows("one"), 20, 3)), beginFrame+"\x1b[2;1H\x1b[2K"+endFrame; got != want {
		t.Errorf("a row less sends %q, want %q", got, want)
	}
	if got := string(p.paint(rows("one"), 21, 3)); !strings.Contains(got, "\x1b[2J") {
		t.Errorf("another size sends %q, want everything", got)
	}
}

func TestKeys(t *testing.T) {
	ended := 0
	s, m, p := &screen{end: func() { ended++ }}, newModel(1, moment), &painter{rows: []string{"drawn"}}
	on := pageLive
	for _, step := range []struct {
		key  byte
		want page
	}{
		{'c', pageCommands}, {'x', pageLive}, {'s', pageServers}, {12, pageServers}, {' ', pageLive}, {'x', pageLive}, {'q', pageLive}, {3, pageLive},
	} {
		if on = s.press(step.key, on, m, p); on != step.want {
			t.Errorf("after %q page %d, want %d", step.key, on, step.want)
		}
	}
	if ended != 2 || p.rows != nil || m.look(moment).held != -1 {
		t.Errorf("ended %d times, drawn anew %t, held %d", ended, p.rows == nil, m.look(moment).held)
	}
	if s.press(' ', pageLive, m, p); m.look(moment).held != 0 {
		t.Error("space does not hold the posts")
	}
}
