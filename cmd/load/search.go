package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"tributary/relay/simulator"
)

// searchPause is how exact the time of a find is.
const searchPause = 20 * time.Millisecond

// searchEach posts one a second with a word that nobody else writes, and asks
// the search for it until it is found.
func (f *flow) searchEach(ctx context.Context, s *simulator.Server) {
	ctx, cancel := context.WithTimeout(ctx, f.duration)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		word := fmt.Sprintf("needle%dx%d", time.Now().UnixNano(), n)
		start := time.Now()
		if _, answer, err := s.Post(ctx, f.inbox(), simulator.Post{Author: "author", Content: "<p>" + word + "</p>"}); err != nil || !answer.OK() {
			continue
		}
		f.mu.Lock()
		f.needles++
		f.mu.Unlock()
		if f.await(ctx, word) {
			f.mu.Lock()
			f.found = append(f.found, time.Since(start))
			f.mu.Unlock()
		}
	}
}

func (f *flow) await(ctx context.Context, word string) bool {
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.target+"/api/v2/search?type=statuses&q="+word, nil)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if bytes.Contains(body, []byte(word)) {
			return true
		}
		time.Sleep(searchPause)
	}
	return false
}
