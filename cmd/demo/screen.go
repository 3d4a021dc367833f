package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"
)

// frameEvery is how often the screen is drawn anew; only rows that changed are sent.
const frameEvery = 200 * time.Millisecond

// What is said to a terminal (ECMA-48, xterm's control sequences). Synchronised output
// keeps a frame from being seen half drawn; who does not know it ignores it.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J" // another screen, no cursor, no wrapping
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h"
	endFrame    = "\x1b[?2026l"
)

// screen is the display on a terminal.
type screen struct {
	out *os.File
	end func() // somebody pressed the key that ends the show
}

// isTerminal says that there is one to draw on: https://no-color.org is obeyed by
// printing plain lines, which is all that a dumb terminal can show.
func isTerminal(out *os.File) bool {
	return term.IsTerminal(int(out.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
}

// show draws until ctx ends, and leaves the terminal as it was.
func (s *screen) show(ctx context.Context, m *model) error {
	// Not standard input: a read of this one can be interrupted, so nothing is left waiting for a key.
	in, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("demo: the terminal: %w (--plain prints lines)", err)
	}
	defer func() { _ = in.Close() }()
	restore, err := raw(in)
	if err != nil {
		return err
	}
	defer restore()
	_, _ = s.out.WriteString(enterScreen)
	defer func() { _, _ = s.out.WriteString(leaveScreen) }()

	keys, stopped := make(chan byte, 16), make(chan struct{})
	go func() {
		defer close(stopped)
		readKeys(ctx, in, keys)
	}()
	defer func() {
		_ = in.SetReadDeadline(time.Now())
		<-stopped
	}()
	s.loop(ctx, m, keys)
	return nil
}

// loop is what happens on the screen: time passes, keys are pressed, the window changes.
func (s *screen) loop(ctx context.Context, m *model, keys <-chan byte) {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(resized)
	tick := time.NewTicker(frameEvery)
	defer tick.Stop()
	p := &painter{}
	page := pageLive
	for {
		now := time.Now()
		v := m.look(now)
		v.page = page
		width, height, err := term.GetSize(int(s.out.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			width, height = 80, 24
		}
		_, _ = s.out.Write(p.paint(render(&v, width, height, now), width, height))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-resized:
			p.forget()
		case key := <-keys:
			page = s.press(key, page, m, p)
		}
	}
}

// press does what a key asks for, and says which page is seen then.
func (s *screen) press(key byte, page page, m *model, p *painter) page {
	const ctrlC, ctrlL = 3, 12
	switch {
	case key == 'q' || key == ctrlC:
		s.end()
	case key == ctrlL:
		p.forget()
	case page != pageLive:
		return pageLive
	case key == 'c':
		return pageCommands
	case key == 's':
		return pageServers
	case key == ' ':
		m.hold()
	}
	return page
}

// raw makes the terminal tell each key at once and print none of them.
func raw(tty *os.File) (restore func(), err error) {
	c, err := tty.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("demo: the terminal: %w", err)
	}
	var before *term.State
	var failed error
	// Not tty.Fd(), which would make reads of it uninterruptible.
	if err := c.Control(func(fd uintptr) { before, failed = term.MakeRaw(int(fd)) }); err != nil || failed != nil {
		return nil, fmt.Errorf("demo: the terminal: %w", errors.Join(err, failed))
	}
	return func() { _ = c.Control(func(fd uintptr) { _ = term.Restore(int(fd), before) }) }, nil
}

// readKeys tells keys until reading fails. Keys that are more than one byte (arrows) are
// none of ours.
func readKeys(ctx context.Context, in *os.File, keys chan<- byte) {
	buf := make([]byte, 64)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		if n > 1 && buf[0] == 0x1b {
			continue
		}
		for _, key := range buf[:n] {
			select {
			case keys <- key:
			case <-ctx.Done():
				return
			}
		}
	}
}

// painter sends the rows that changed.
type painter struct {
	width, height int
	rows          []string
}

// forget makes the next frame a whole one.
func (p *painter) forget() { p.rows = nil }

// paint returns what brings the screen from the last frame to this one.
func (p *painter) paint(rows []*line, width, height int) []byte {
	var b bytes.Buffer
	if p.rows == nil || width != p.width || height != p.height {
		p.rows, p.width, p.height = make([]string, height), width, height
		b.WriteString("\x1b[m\x1b[2J")
	}
	for i := range height {
		text := ""
		if i < len(rows) {
			text = rows[i].terminal()
		}
		if text == p.rows[i] {
			continue
		}
		p.rows[i] = text
		b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H\x1b[2K" + text)
	}
	if b.Len() == 0 {
		return nil
	}
	return append([]byte(beginFrame), append(b.Bytes(), endFrame...)...)
}
