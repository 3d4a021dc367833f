//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newIndexed is newProgram with the engine of the index beside it. Without the
// engine's library the test is skipped.
func newIndexed(t *testing.T) *program {
	t.Helper()
	libraries, err := filepath.Glob("../../../index/engine/node_modules/@chdb/*/libchdb.so")
	if err != nil {
		t.Fatal(err)
	}
	if len(libraries) == 0 {
		t.Skip("the library of the embedded index is not installed: run `make engine-lib`")
	}
	p := newProgram(t, "")
	if *programFlag == "" {
		p.binary = withEngine(t, p.binary, libraries[0])
	}
	return p
}

// withEngine puts the program where it finds its engine, and returns it.
func withEngine(t *testing.T, program, library string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := filepath.Join(built, "indexed")
	path := filepath.Join(dir, "tributary")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	library, err := filepath.Abs(library)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(library, filepath.Join(dir, "libchdb.so")); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", "build", "-o", filepath.Join(dir, "tributary-engine"), "tributary/cmd/tributary-engine")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("e2e: building the engine: %v\n%s", err, output)
	}
	if err := os.Link(program, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// engine finds the engine's process: `tributary engine`, which becomes tributary-engine.
func (p *program) engine() (pid int, found bool) {
	for _, word := range []string{filepath.Join(filepath.Dir(p.binary), "tributary-engine"), "engine"} {
		if pid, found = childOf(p.cmd.Process.Pid, word); found {
			return pid, true
		}
	}
	return 0, false
}

// indexReady waits until the index answers.
func (p *program) indexReady() {
	p.t.Helper()
	await(p.t, "the index", func() []string {
		if _, _, err := p.page(p.t.Context(), p.url()+"/api/v1/timelines/public"); err != nil {
			return []string{err.Error()}
		}
		return nil
	})
}

// get asks the API for JSON.
func (p *program) get(ctx context.Context, url string, answer any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, arrivalTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return response.Header, json.NewDecoder(response.Body).Decode(answer)
}

// page is one page of a timeline, and the address of the next one.
func (p *program) page(ctx context.Context, url string) (page []reading, next string, err error) {
	header, err := p.get(ctx, url, &page)
	for link := range strings.SplitSeq(header.Get("Link"), ",") {
		target, relation, _ := strings.Cut(link, ";")
		if strings.Contains(relation, `rel="next"`) {
			next = strings.Trim(target, " <>")
		}
	}
	return page, next, err
}

// timeline is all of a timeline, page by page: of a tag, or public when tag is empty.
func (p *program) timeline(ctx context.Context, tag string) (pages [][]reading, err error) {
	path := "/api/v1/timelines/public"
	if tag != "" {
		path = "/api/v1/timelines/tag/" + tag
	}
	for next := p.url() + path + "?limit=40"; next != ""; {
		var page []reading
		if page, next, err = p.page(ctx, next); err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// search looks for posts with a word.
func (p *program) search(ctx context.Context, word string) ([]reading, error) {
	var found struct{ Statuses []reading }
	_, err := p.get(ctx, p.url()+"/api/v2/search?type=statuses&limit=40&q="+word, &found)
	return found.Statuses, err
}

// reading is a post as a client has it.
type reading struct {
	ID      string `json:"id"`
	URI     string `json:"uri"`
	Content string `json:"content"`
}

// unlike lists where the pages of a timeline differ from the posts that belong into
// it: what lacks, what is too much, what is there twice, what is not in order.
func unlike(pages [][]reading, want []string) []string {
	var differ []string
	seen := map[string]bool{}
	last := ""
	for _, r := range slices.Concat(pages...) {
		if seen[r.URI] {
			differ = append(differ, "twice: "+r.URI)
		}
		if last != "" && !less(r.ID, last) {
			differ = append(differ, fmt.Sprintf("id %s after %s", r.ID, last))
		}
		seen[r.URI], last = true, r.ID
	}
	return append(differ, unlikeSet(seen, want)...)
}

func unlikeSet(got map[string]bool, want []string) []string {
	var differ []string
	belongs := map[string]bool{}
	for _, uri := range want {
		belongs[uri] = true
		if !got[uri] {
			differ = append(differ, "lacks: "+uri)
		}
	}
	for uri := range got {
		if !belongs[uri] {
			differ = append(differ, "too much: "+uri)
		}
	}
	return differ
}

// less compares ids, which are decimal numbers.
func less(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

// awaitTimeline waits until a timeline holds these posts and no others.
func (p *program) awaitTimeline(t *testing.T, tag string, want []string) {
	t.Helper()
	began := time.Now()
	await(t, fmt.Sprintf("timeline %q", tag), func() []string {
		pages, err := p.timeline(t.Context(), tag)
		if err != nil {
			return []string{err.Error()}
		}
		return unlike(pages, want)
	})
	t.Logf("timeline %q holds its %d posts after %s", tag, len(want), time.Since(began).Round(time.Millisecond))
}

// awaitSearch waits until the search for a word finds these posts and no others.
func (p *program) awaitSearch(t *testing.T, word string, want []string) {
	t.Helper()
	await(t, "search for "+word, func() []string {
		hits, err := p.search(t.Context(), word)
		if err != nil {
			return []string{err.Error()}
		}
		return unlike([][]reading{hits}, want)
	})
}
