package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary/ingest/ingesttest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/token"
	"tributary/relay"
	"tributary/relay/admin"
	"tributary/relay/delivery"
)

// adminData is the data directory of a relay whose admin socket is open.
func adminData(t *testing.T) string {
	t.Helper()
	log, data := ingesttest.New(t), t.TempDir()
	c, err := relay.NewCommunity("https://relay.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	client := remote.New(remote.Config{AllowPrivate: true, AllowHTTP: true}, nil, nil, ingesttest.Logger(t), nil)
	t.Cleanup(client.Close)
	r, err := relay.New(t.Context(), c, relay.Config{}, relay.Deps{
		DB: log.DB, Key: key, Lists: client, Admission: log.Admission, Next: func() uint64 { return 1 }, Enqueue: delivery.Enqueue, Wake: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	service := admin.New(admin.Deps{
		Relay: r, Tokens: token.New(log.DB), DB: log.DB, Tip: log.Tail.Tip, LogStart: log.Tail.Start, StateCursor: log.Log.StatePosition,
		Lanes: func(context.Context) ([]delivery.Status, error) { return nil, nil },
	})
	l, err := admin.Listen(admin.SocketPath(data))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: service.Handler(), ReadHeaderTimeout: time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-stopped
	})
	return data
}

// run runs a command line and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// Each command prints its table, and JSON when that is asked for.
func TestAdminCommands(t *testing.T) {
	data := adminData(t)
	library := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer library.Close()
	url := library.URL + "/blocks.csv"
	for _, c := range []struct {
		args string
		want string // pattern of what is printed
	}{
		{"token create --scope read --name board --ttl 90d", `(?s)^token [0-9a-f]+ with read, until .*Z\ntrib_[\w-]{43}\n$`},
		{"token create --scope read", `\ntrib_[\w-]{43}\n$`},
		{"token list", `(?m)^ID +NAME +SCOPES +CREATED +EXPIRES +USED\n[0-9a-f]+ +board +read `},
		{"subscribers list", `^HOST +TOPIC +STATE +ROLE +DELIVERY +LAG`},
		{"allow add FRIENDS.example --note asked", `^friends\.example is allowed\n$`},
		{"sources", `(?m)^HOST +GRANT +ACCEPTED +REFUSED .*\ncounted by this node since `},
		{"quarantine list", `^HOST +SINCE +UNTIL +REFUSED\n$`},
		{"limit set BIG.example --posts-per-minute 600 --note asked", `^big\.example may give: posts a minute 600, bytes of one as all\n$`},
		{"limit set free.example --posts-per-minute 0 --body 16KiB", `^free\.example may give: posts a minute no limit, bytes of one 16KiB\n$`},
		{"limit list", `(?m)^DOMAIN +POSTS/MIN +BODY +SINCE +NOTE\nbig\.example +600 +as all +\S+ \S+Z +asked\nfree\.example +no limit +16KiB .* -$`},
		{"limit remove big.example", `^big\.example may give what all may\n$`},
		{"allow list", `(?m)^DOMAIN +SINCE +NOTE\nfriends\.example +\S+ \S+Z +asked\n$`},
		{"allow remove friends.example", `not in the list any more`},
		{"block add spam.example --reason spam --dry-run", `^would block domain spam\.example: 0 subscriptions, 0 authors\nhost +spam\.example\n$`},
		{"block list", `^SCOPE +KEY +SINCE +REASON +NOTE +LIST\n$`},
		{"block add SPAM.example --reason spam --note mine", `^blocked domain spam\.example`},
		{"block add https://a.example/users/b", `^blocked actor https://a\.example/users/b: 0 subscriptions, 0 authors\n$`},
		{"block add software Spamware --reason floods --dry-run", `^would block software spamware: 0 subscriptions, 0 authors\n$`},
		{"block add software spamware", `^blocked software spamware`},
		{"block remove software spamware", `^spamware is not blocked any more\n$`},
		{"block list", `(?m)^domain +spam\.example +\S+ \S+Z +spam +mine +-\nactor +https://a\.example/users/b .* - +- +-$`},
		{"block import testdata/blocks.csv --dry-run", `(?m)^would block 1 domain: 0 subscriptions, 0 authors; 1 known, 1 milder, 1 line not read\nline 5 +"h\*\.example": the domain is obfuscated\n$`},
		{"block remove spam.example", `^spam\.example is not blocked any more\n$`},
		{"block subscribe " + url + " --as-reason ours --dry-run", `(?m)^the list would block 2 domains: 2 added, 0 removed; 0 subscriptions, 0 authors; 1 milder, 1 line passed over\nline 5 `},
		{"block subscribe " + url + " --every 7d", `(?m)^the list blocks 2 domains: 2 added, 0 removed`},
		{"block subscriptions", `(?m)^URL +DOMAINS +ADDED +REMOVED +CHANGED +CHECKED +NEXT +EVERY +FAILURES +LAST ERROR\nhttp\S+/blocks\.csv +2 +2 +0 .* 168h0m0s +0 +-$`},
		{"block list", `(?m)^domain +spam\.example .*/blocks\.csv$`},
		{"block refresh " + url, `(?m)^the list blocks 2 domains: 0 added, 0 removed`},
		{"block unsubscribe " + url + " --keep", `^unsubscribed http\S+: it blocked 2 domains, 2 are your own blocks now\n$`},
		{"block remove spam.example", `^spam\.example is not blocked any more\n$`},
		{"block subscriptions", `^URL .*\n$`},
		{"stats", `(?m)^tip +[1-9]\d*\n(.*\n)+blocks +2\n`},
	} {
		out, err := run(t, append([]string{"admin", "--data", data}, strings.Fields(c.args)...)...)
		if err != nil || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("%s: %v\n%s", c.args, err, out)
		}
	}
	for _, args := range []string{"token create --scope read", "token list", "subscribers list", "allow list", "limit list", "block subscriptions", "block add x.example --dry-run", "block list", "sources --sort bytes --limit 3", "stats"} {
		out, err := run(t, append([]string{"admin", "--json", "--data", data}, strings.Fields(args)...)...)
		if err != nil || !json.Valid([]byte(out)) || out == "null\n" {
			t.Errorf("%s --json: %v\n%s", args, err, out)
		}
	}
}

func TestAdminRefusals(t *testing.T) {
	data := adminData(t)
	for args, want := range map[string]string{
		"token create":                                     "scope",
		"token create --scope write":                       `no "write"`,
		"token create --scope read --ttl 1w":               "12h or 90d",
		"token create --scope read --ttl -1h":              "12h or 90d",
		"token revoke 00":                                  `no token "00"`,
		"token revoke":                                     "takes one argument",
		"subscribers remove nobody.example":                "nobody.example",
		"subscribers approve nobody.example":               "nobody.example",
		"subscribers filter nobody.example":                "nobody.example",
		"quarantine release nobody.example":                "not in quarantine",
		"subscribers link nobody.example":                  "nobody.example",
		"subscribers role a.example all":                   "both, publish, receive, limited, paused",
		"sources --sort love":                              "sorted by one of",
		"sources --offset -1":                              "not negative",
		"subscribers replay nobody.example --from 1":       "nobody.example",
		"subscribers replay a.example":                     "either --from SEQ or --since",
		"subscribers replay a.example --from 1 --since 2h": "either --from SEQ or --since",
		"subscribers replay a.example --since never":       "--since",
		"subscribers resume nobody.example":                "nobody.example",
		"subscribers role a.example":                       "two arguments",
		"allow add https://a.example/users/b":              "not a domain",
		"allow remove nobody.example":                      "not in the allow-list",
		"block remove nobody.example":                      "not blocked",
		"block import testdata/none.csv":                   "the list cannot be read",
		"block add https://a.example/":                     "a.example",
		"block ad":                                         "did you mean add?",
		"limit set a.example":                              "neither how many posts nor how large",
		"limit set a.example --body 1KiB":                  "4096 at least",
		"limit set a.example --body 1MiB":                  "262144 at most",
		"limit set a.example --body x":                     "not a size",
		"limit remove nobody.example":                      "no limit of its own",
		"block add a.example b.example":                    "software and a name",
		"block add software <b>":                           "a name such as mastodon",
		"block remove software nothing":                    "not blocked",
		"block subscribe http://127.0.0.1:1/x":             "not available now",
		"block subscribe x":                                "not the URL of a list",
		"block subscribe http://a.example/ --every 1m":     "10m0s at least",
		"block subscribe http://a.example/ --every soon":   "12h or 90d",
		"block refresh http://a.example/":                  "no subscription to",
		"block unsubscribe http://a.example/":              "no subscription to",
	} {
		_, err := run(t, append([]string{"admin", "--data", data}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	if _, err := run(t, "admin", "--data", t.TempDir(), "stats"); err == nil || !strings.Contains(err.Error(), "tributary serve is not running") {
		t.Errorf("without a relay: %v", err)
	}
}
