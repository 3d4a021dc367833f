//go:build e2e && linux

package e2e

import (
	"fmt"
	"net/url"
	"slices"

	"tributary/relay/simulator/model"
)

// surfaces checks what the index answers.
func (f *fediverse) surfaces(when string) {
	f.Helper()
	f.timeline(when, "")
	for _, tag := range f.model.Tags() {
		f.timeline(when, tag)
	}
	for _, word := range f.model.Words() {
		f.settles(when+": the search for "+word, func() (missing, wrong []string) {
			hits, err := f.program.search(f.Context(), url.QueryEscape(word))
			if err != nil {
				return []string{err.Error()}, nil
			}
			return differ([][]reading{hits}, f.model.Found(word))
		})
	}
	f.single(when)
}

func (f *fediverse) timeline(when, tag string) {
	f.Helper()
	f.settles(fmt.Sprintf("%s: timeline %q", when, tag), func() (missing, wrong []string) {
		pages, err := f.program.timeline(f.Context(), url.PathEscape(tag))
		if err != nil {
			return []string{err.Error()}, nil
		}
		return differ(pages, f.model.Timeline(tag))
	})
}

// differ says how pages differ from what they must hold: all of it as missing, since what is
// too much may be on its way out.
func differ(pages [][]reading, want []model.Shown) (missing, wrong []string) {
	uris := make([]string, len(want))
	marks := map[string]string{}
	for n, w := range want {
		uris[n], marks[w.URI] = w.URI, w.Mark
	}
	missing = unlike(pages, uris)
	for _, r := range slices.Concat(pages...) {
		if found := mark.FindString(r.Content); marks[r.URI] != "" && found != marks[r.URI] {
			missing = append(missing, fmt.Sprintf("%s is shown as %s, is %s", r.URI, found, marks[r.URI]))
		}
	}
	return missing, nil
}

// single asks for each post that a reader ever saw by its id, and for each that was ever
// taken by its address.
func (f *fediverse) single(when string) {
	f.Helper()
	shown := f.model.Posts()
	frames, _ := f.live.all()
	asked := map[string]bool{}
	for _, frame := range frames {
		if frame.URI == "" || frame.ID == "" || asked[frame.URI] {
			continue
		}
		asked[frame.URI] = true
		var one reading
		_, err := f.program.get(f.Context(), f.program.url()+"/api/v1/statuses/"+frame.ID, &one)
		if there := err == nil && one.URI == frame.URI; there != shown[frame.URI] {
			f.Errorf("%s: the post %s %s is there: %v, %v; want %v", when, frame.ID, frame.URI, there, err, shown[frame.URI])
		}
	}
	for uri, visible := range shown {
		if visible {
			continue
		}
		if hits, err := f.program.search(f.Context(), url.QueryEscape(uri)); err != nil || len(hits) > 0 {
			f.Errorf("%s: the search for the hidden %s found %v, %v", when, uri, hits, err)
		}
	}
}
