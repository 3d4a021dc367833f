package relay

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestLinks(t *testing.T) {
	l, err := newLinks(keys()[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := newLinks(keys()[1])
	if err != nil {
		t.Fatal(err)
	}
	const actor = "https://a.example/actor"
	now := time.Unix(1000, 0)
	token := l.token(actor, now)
	if got, err := l.open(token, now); err != nil || got != actor {
		t.Errorf("%q, %v", got, err)
	}
	altered := []byte(token)
	altered[len(altered)-2] ^= 1
	for name, c := range map[string]struct {
		links links
		token string
		now   time.Time
	}{
		"over":        {l, token, now.Add(time.Second)},
		"another key": {other, token, now},
		"altered":     {l, string(altered), now},
		"cut":         {l, token[:54], now},
		"empty":       {l, "", now},
		"no base64":   {l, "%%%", now},
		"long":        {l, strings.Repeat("a", 1<<16), now},
	} {
		if got, err := c.links.open(c.token, c.now); !errors.Is(err, ErrLink) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzLink(f *testing.F) {
	l, err := newLinks(keys()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add("")
	f.Add(l.token("https://a.example/actor", time.Unix(0, 0)))
	f.Fuzz(func(t *testing.T, token string) {
		if actor, err := l.open(token, time.Unix(1, 0)); err == nil {
			t.Errorf("%q opens %s", token, actor)
		}
	})
}
