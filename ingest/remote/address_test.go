package remote

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
)

func TestForbidden(t *testing.T) {
	bad := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.171", "192.0.2.1", "192.88.99.1", "192.168.1.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::2", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
		"::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8",
		"64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0",
		"64:ff9b:1::10.0.0.1", "64:ff9b:1:abcd::192.168.0.1", "64:ff9b:1:808:8:800::", "64:ff9b:1:0:0:a00:100:0", "64:ff9b:1::",
		"64:ff9b:2::8.8.8.8",
		"100::1", "100:0:0:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
		"2001::1", "2001:0:53aa:64c:0:0:f5ff:fffe", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
		"2002:7f00:1::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "1::1",
	}
	good := []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
		"172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.1", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8",
		"2001:4860:4860::8888", "2606:4700:4700::1111", "2003::1", "2a00:1450::1", "2400:cb00::1",
	}
	for _, a := range bad {
		if !forbidden(netip.MustParseAddr(a)) {
			t.Errorf("%s is allowed", a)
		}
	}
	for _, a := range good {
		if forbidden(netip.MustParseAddr(a)) {
			t.Errorf("%s is forbidden", a)
		}
	}
	if !forbidden(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

// FuzzForbidden: an address and its v4-mapped and NAT64 forms are judged alike.
func FuzzForbidden(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{8, 8, 8, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if addr = addr.Unmap(); !addr.Is4() {
			forbidden(addr)
			return
		}
		b4 := addr.As4()
		mapped := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: b4[0], 13: b4[1], 14: b4[2], 15: b4[3]})
		translated := netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b, 12: b4[0], 13: b4[1], 14: b4[2], 15: b4[3]})
		if forbidden(addr) != forbidden(mapped) || forbidden(addr) != forbidden(translated) {
			t.Errorf("%s: %v, mapped %v, NAT64 %v", addr, forbidden(addr), forbidden(mapped), forbidden(translated))
		}
	})
}

// TestStrictConfig asks for what the default configuration forbids: by literal, by name,
// by scheme, by port. Nothing is connected to.
func TestStrictConfig(t *testing.T) {
	c := newTestClient(t, Config{}, nil, nil)
	for _, uri := range []string{
		"https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://[::]/",
		"https://[64:ff9b::7f00:1]/", "https://169.254.169.254/latest/meta-data/",
		"http://1.1.1.1/", "https://1.1.1.1:8443/", "https://1.1.1.1:80/",
	} {
		if _, err := c.Object(t.Context(), uri); !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("Object %s: %v", uri, err)
		}
		if _, err := c.Actor(t.Context(), uri); !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("Actor %s: %v", uri, err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err == nil {
			Drain(resp.Body)
		}
		if !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("Do %s: %v", uri, err)
		}
	}
	for _, uri := range []string{"", "x", "ftp://a.example/", "https://", "https:///x", "https://u:p@a.example/", "https:a.example", "javascript:x", "https://a.example:x/"} {
		if _, err := c.Object(t.Context(), uri); !errors.Is(err, ErrMalformed) {
			t.Errorf("Object %q: %v", uri, err)
		}
	}
	if got := c.metric(t, "tributary_remote_fetches_total", "object", "forbidden_address"); got == 0 {
		t.Error("not counted")
	}
}

func TestNames(t *testing.T) {
	f := func(id, from string, want bool) {
		t.Helper()
		u, err := normal(from)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(id, u.String()); got != want {
			t.Errorf("%q names %q: %v", id, from, got)
		}
	}
	f("https://a.example/u", "https://a.example/u", true)
	f("https://A.example:443/u", "https://a.example/u", true)
	f("https://a.example", "https://a.example/", true)
	f("https://a.example/card#me", "https://a.example/card", true)
	f("https://a.example/%C3%A9", "https://a.example/%C3%A9", true)
	f("https://a.example/u?x=1", "https://a.example/u?x=1", true)
	f("https://a.example/u?x=1", "https://a.example/u?x=2", false)
	f("https://a.example/u", "https://a.example/U", false)
	f("https://a.example/u/", "https://a.example/u", false)
	f("https://a.example/%2Fu", "https://a.example//u", false)
	f("http://a.example/u", "https://a.example/u", false)
	f("https://b.example/u", "https://a.example/u", false)
	f("https://a.example.:443/u", "https://a.example/u", true)
	f("https://a.example@b.example/u", "https://a.example/u", false)
	f("", "https://a.example/u", false)
}
