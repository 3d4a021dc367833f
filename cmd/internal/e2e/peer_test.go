//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// installed puts the npm packages of fedify/ in place, once.
var installed = sync.OnceValue(func() error { return npm("fedify") })

// npm puts the npm packages of a folder in place, unless they are there.
func npm(folder string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return fmt.Errorf("e2e: npm is missing: install Node.js with npm, which brings the packages of cmd/internal/e2e/%s", folder)
	}
	lock, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return err
	}
	there, err := os.Stat(filepath.Join(folder, "node_modules/.package-lock.json"))
	if err == nil && !there.ModTime().Before(lock.ModTime()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("e2e: npm ci in cmd/internal/e2e/%s: %w\n%s", folder, err, output)
	}
	return nil
}

// peerActor is an account of a peer.
type peerActor struct {
	Name         string `json:"name"`
	Discoverable bool   `json:"discoverable"`
	Indexable    bool   `json:"indexable"`
}

// peer is a server that runs Fedify (fedify/peer.mjs).
type peer struct {
	t       *testing.T
	config  string // its argument
	log     string
	origin  string
	control string
	*process
}

// The forms of signature, as Fedify calls them.
const (
	draftCavage = "draft-cavage-http-signatures-12"
	rfc9421     = "rfc9421"
)

// startPeer starts a server with these accounts.
func startPeer(t *testing.T, actors ...peerActor) *peer {
	t.Helper()
	return startPeerAs(t, "fedify-peer", draftCavage, actors...)
}

// startPeerAs is startPeer for one that says that it runs a software, and tries this form of
// signature first.
func startPeerAs(t *testing.T, software, firstKnock string, actors ...peerActor) *peer {
	t.Helper()
	if err := installed(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, err := json.Marshal(map[string]any{
		"state":  filepath.Join(dir, "state.json"),
		"actors": append([]peerActor{}, actors...), "firstKnock": firstKnock, "software": software,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, config: string(config), log: filepath.Join(dir, "peer.log")}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", p.origin, tail(p.log, 20))
		}
	})
	return p
}

// start runs the server; after a kill it is the same server again.
func (p *peer) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	command := exec.Command("node_modules/node/bin/node", "peer.mjs", p.config)
	command.Dir = "fedify"
	command.Stderr = log
	if _, err := command.StdinPipe(); err != nil { // open until the process was waited for
		p.t.Fatal(err)
	}
	output, writer, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	command.Stdout = writer
	p.process, err = spawn(command)
	_ = writer.Close()
	if err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("e2e: a Fedify server did not start: %v\n%s", err, tail(p.log, 20))
	}
	var ready struct{ Origin, Control string }
	if err := json.Unmarshal(line, &ready); err != nil {
		p.t.Fatal(err)
	}
	p.origin, p.control = ready.Origin, ready.Control
}

func (p *peer) actor(name string) string { return p.origin + "/actors/" + name }
func (p *peer) inbox() string            { return p.origin + "/inbox" }

// sent is what became of an activity that a peer sent.
type sent struct {
	Object   string // URI of the post
	Activity string // URI of the activity
	Status   int    // 202 when it was taken; 0 when the connection failed
	Knocks   int    // requests: the second one is signed in another form
	Body     string
}

// order gives a command to the peer.
func (p *peer) order(command string, what map[string]any) sent {
	p.t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	var answer sent
	p.call(http.MethodPost, command, bytes.NewReader(body), &answer)
	return answer
}

// ordered is order for what must be taken.
func (p *peer) ordered(command string, what map[string]any) sent {
	p.t.Helper()
	answer := p.order(command, what)
	if answer.Status != http.StatusAccepted {
		p.t.Fatalf("%s %v: answered %d %q, want 202", command, what, answer.Status, answer.Body)
	}
	return answer
}

func (p *peer) call(method, path string, body io.Reader, answer any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.control+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("e2e: %s: %s", path, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		p.t.Fatalf("e2e: %s: %v in %s", path, err, text)
	}
}

// verdict is what Fedify says of one signature.
type verdict struct {
	Present  bool
	Verified bool
	Key      string
	Owner    string
	Error    string
}

// receipt is a request to an inbox of a peer.
type receipt struct {
	N                       int
	Path, Signature, Raw    string
	ID, Type, Actor, Object string
	Status                  int  // what Fedify answered
	Accepted                bool // it reached Fedify's listener: as its actor's, for the first time
	HTTP, LD, Proof         verdict
	Fetched                 *struct { // what an Announce named
		URL, ID, Type, Author, Content, Error string
		OK                                    bool
	}
}

// receipts are the requests after number n; it waits a moment for the first.
func (p *peer) receipts(n int, wait time.Duration) []receipt {
	p.t.Helper()
	var all []receipt
	p.call(http.MethodGet, fmt.Sprintf("/received?after=%d&wait=%d", n, wait.Milliseconds()), nil, &all)
	return all
}

// await waits for a request to the inbox that meets the condition.
func (p *peer) await(what string, condition func(receipt) bool) receipt {
	p.t.Helper()
	deadline := time.Now().Add(arrivalTime)
	seen := 0
	for left := arrivalTime; left > 0; left = time.Until(deadline) {
		fresh := p.receipts(seen, left)
		for _, r := range fresh {
			if condition(r) {
				return r
			}
		}
		seen += len(fresh)
	}
	for _, r := range p.receipts(0, 0) {
		p.t.Logf("%s received %s %s: answered %d, accepted %v", p.origin, r.Type, r.Object, r.Status, r.Accepted)
	}
	p.t.Fatalf("%s has not received in %s: %s", p.origin, arrivalTime, what)
	return receipt{}
}

// relays are the relays that the peer follows, by inbox.
func (p *peer) relayState(inbox string) (state, actor string) {
	p.t.Helper()
	var relays []struct{ Inbox, State, Actor string }
	p.call(http.MethodGet, "/relays", nil, &relays)
	for _, r := range relays {
		if r.Inbox == inbox {
			return r.State, r.Actor
		}
	}
	return "", ""
}

// about is a condition: an activity of a type about an object.
func about(kind, object string) func(receipt) bool {
	return func(r receipt) bool { return r.Type == kind && r.Object == object }
}
