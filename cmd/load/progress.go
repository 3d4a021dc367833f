package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// show writes a line about what is under way until the function that it returns is
// called: each second over the same line of a terminal, every five seconds elsewhere.
func show(w io.Writer, line func() string) (stop func()) {
	every, format, end := 5*time.Second, "%s\n", ""
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, format, end = time.Second, "\r\x1b[K%s", "\r\x1b[K"
		}
	}
	done := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, format, line())
			case <-done:
				fmt.Fprint(w, end)
				return
			}
		}
	})
	return func() { close(done); showing.Wait() }
}
