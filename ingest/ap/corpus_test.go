package ap

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpus parses every document below the folder that TRIBUTARY_CORPUS names:
// captures of real servers, which are no part of this project. Each must parse,
// or be one of those that are known not to.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TRIBUTARY_CORPUS")
	if dir == "" {
		t.Skip("TRIBUTARY_CORPUS names no folder")
	}
	documents, posts, actors := 0, 0, 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		documents++
		name, _ := filepath.Rel(dir, path)
		a, err := ParseActivity(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		o := a.Object
		for o != nil && o.Activity != nil {
			o = o.Activity.Object
		}
		switch {
		case o == nil:
			t.Logf("%s: %s of %s", name, a.Type, a.ObjectID)
		case o.Post != nil:
			posts++
			p := o.Post
			t.Logf("%s: %s: %s by %s, visibility %d, language %q, %d bytes of HTML, %d links, %d media, title %q, text %.60q",
				name, a.Type, p.Type, o.AttributedTo, p.Visibility, p.Language, len(p.Content), len(p.Links), len(p.Attachments), p.Title, p.Text)
		case o.Actor != nil:
			actors++
			t.Logf("%s: %s: %s %s, %d keys, inbox %s", name, a.Type, o.Actor.Type, o.Actor.Username, len(o.Actor.Keys), o.Actor.Inbox)
		default:
			t.Logf("%s: %s: %s %s, read no further", name, a.Type, o.Type, o.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d documents, %d posts, %d actors", documents, posts, actors)
}
