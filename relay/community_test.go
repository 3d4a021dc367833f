package relay

import (
	"errors"
	"testing"
)

func TestNewCommunity(t *testing.T) {
	for _, c := range []struct{ in, base, host string }{
		{"https://relay.example", "https://relay.example", "relay.example"},
		{"https://Relay.Example/", "https://relay.example", "relay.example"},
		{"https://relay.example:443", "https://relay.example", "relay.example"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"},
		{"http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"},
		{"https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"},
	} {
		got, err := NewCommunity(c.in)
		if err != nil || got.Base() != c.base || got.Host() != c.host {
			t.Errorf("NewCommunity(%q) = %q, %q, %v; want %q, %q", c.in, got.Base(), got.Host(), err, c.base, c.host)
		}
	}
	for _, in := range []string{
		"", "relay.example", "ftp://relay.example", "https://", "https://relay.example/path",
		"https://u@relay.example", "https://relay.example?q", "https://relay.example#f",
	} {
		if c, err := NewCommunity(in); !errors.Is(err, ErrBaseURL) {
			t.Errorf("NewCommunity(%q) = %v, %v; want ErrBaseURL", in, c, err)
		}
	}
}

// Every id is below the base: the inbox exactly what an admin pastes.
func TestCommunityURIs(t *testing.T) {
	c := community(t, "https://relay.example")
	for got, want := range map[string]string{
		c.Actor(): "https://relay.example/actor", c.Inbox(): "https://relay.example/inbox",
		c.KeyID(): "https://relay.example/actor#main-key", c.Handle(): "relay@relay.example",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestServes(t *testing.T) {
	c := community(t, "https://relay.example")
	for host, want := range map[string]bool{
		"relay.example": true, "RELAY.example:443": true, "relay.example.": true,
		"relay.example:8080": false, "other.example": false, "": false, "relay.example@other.example": false,
	} {
		if got := c.serves(host); got != want {
			t.Errorf("serves(%q) = %v", host, got)
		}
	}
}

func community(t *testing.T, base string) Community {
	t.Helper()
	c, err := NewCommunity(base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
