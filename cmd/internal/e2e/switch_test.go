//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tributary/relay/simulator"
)

// Servers that subscribed to another relay at this address go on with ours: none of
// them follows, and the key is the one that they know.
func TestSwitch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	world := newWorld(t, 1)
	sender := simulated(t, world, simulator.Config{Accounts: []simulator.Account{{Name: shown}}})
	mastodon := simulated(t, world, simulator.Config{})
	pleroma := simulated(t, world, simulator.Config{Software: "pleroma"})

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	members := map[string][]string{"connected_actors": {
		sender.Actor(simulator.Instance), mastodon.Actor(simulator.Instance), pleroma.Actor(simulator.Instance), "http://" + freeAddress(t) + "/actor",
	}}
	list, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, text := range map[string][]byte{"connected.json": list, "actor.pem": secret} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	program := newProgram(t, "")
	importing := func() (string, error) {
		command := exec.CommandContext(ctx, program.binary, "import", "connected.json", "--key", "actor.pem", "--data", program.data, "--url", program.url())
		command.Dir, command.Env = dir, append(cleanEnvironment(), "TRIBUTARY_DEV=true")
		output, err := command.CombinedOutput()
		return string(output), err
	}
	if output, err := importing(); err != nil || !strings.Contains(output, "3 subscribers") || !strings.Contains(output, "1 skipped") {
		t.Fatalf("import: %v\n%s", err, output)
	}
	program.startReady("TRIBUTARY_CLICKHOUSE_URL=off")
	program.dumpIfFailed()
	if output, err := importing(); err == nil || !strings.Contains(output, "stop the relay first") {
		t.Errorf("import into a relay that runs: %v\n%s", err, output)
	}

	if _, err := pleroma.Await(ctx, func(d simulator.Delivery) bool { return d.Verified && d.Type == "Follow" && d.Actor == program.actor() }); err != nil {
		t.Errorf("Pleroma is not followed: %v", err)
	}
	posted, response, err := sender.Post(ctx, program.inbox(), simulator.Post{Author: shown})
	if err != nil || !response.OK() {
		t.Fatalf("a member's post: %d %q, %v", response.Status, response.Body, err)
	}
	for _, s := range []*simulator.Server{mastodon, pleroma} {
		if _, err := s.Await(ctx, func(d simulator.Delivery) bool { return d.Received() && d.Object == posted.Object }); err != nil {
			t.Errorf("%s: %v", s.Software(), err)
		}
	}
	if got := actorKey(ctx, t, program.actor()); !got.Equal(&key.PublicKey) {
		t.Error("the actor shows another key")
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}

// actorKey is the public key that an actor's document shows.
func actorKey(ctx context.Context, t *testing.T, uri string) *rsa.PublicKey {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/activity+json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var actor struct {
		PublicKey struct {
			PEM string `json:"publicKeyPem"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(body, &actor); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(actor.PublicKey.PEM))
	if block == nil {
		t.Fatalf("no key in %s", body)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("the key is a %T", key)
	}
	return public
}
