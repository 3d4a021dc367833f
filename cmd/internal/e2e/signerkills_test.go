//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The world of TestSignerKills.
const (
	signerSenders     = 3
	signerSubscribers = 6
	signerKills       = 4
)

// The process that signs is killed again and again under load, and once it hangs: every post reaches everybody, with a
// signature that holds, and signatures were made on both sides.
func TestSignerKills(t *testing.T) {
	if *programFlag != "" {
		t.Skip("what signs is built beside a program that is built")
	}
	program := newProgram(t, "")
	program.binary = withSigner(t, program.binary)
	program.startReady("TRIBUTARY_DELIVERY_SHARED_SIGNATURES=off")
	program.dumpIfFailed()
	k := newLoad(t, newWorld(t, 1), program.inbox(), signerSenders, signerSubscribers)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	k.subscribe(ctx)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); k.run(ctx, killRate, stop) }()
	for round := range signerKills {
		pid := program.signer()
		signal := syscall.SIGKILL
		if round == signerKills/2 {
			signal = syscall.SIGSTOP // it is killed for that
		}
		if err := syscall.Kill(pid, signal); err != nil {
			t.Error(err)
		}
		await(t, "the end of the process that signs", func() []string {
			if running(pid) {
				return []string{"its end"}
			}
			return nil
		})
		pause(ctx, 200*time.Millisecond)
	}
	program.signer()
	close(stop)
	<-done
	k.inFlight.Wait()
	await(t, "all servers", k.lacking(append(k.senders, k.subscribers...)...))
	if len(k.refused) > 0 {
		t.Errorf("posts were refused: %s", strings.Join(k.refused, "\n"))
	}
	for _, subscriber := range k.subscribers {
		for _, d := range subscriber.Deliveries() {
			if !d.Verified {
				t.Errorf("%s got a signature that does not hold: %+v", subscriber.Host(), d)
			}
		}
	}
	for _, by := range []string{"go", "libcrypto"} {
		n := program.metric(`tributary_signature_made_total{by="` + by + `"}`)
		if t.Logf("%s made %s signatures", by, n); n == "" {
			t.Errorf("%s made none", by)
		}
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}

// signer waits for the process that signs to be in use, and returns it.
func (p *program) signer() (pid int) {
	p.t.Helper()
	await(p.t, "the process that signs", func() []string {
		var found bool
		if pid, found = childOf(p.cmd.Process.Pid, "tributary-signer"); found && p.metric(`tributary_child_ready{name="signer"}`) == "1" {
			return nil
		}
		return []string{"it"}
	})
	return pid
}

// withSigner puts the program where it finds tributary-signer, and returns it. Without OpenSSL 3 the test is skipped.
func withSigner(t *testing.T, program string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := filepath.Join(built, "signing")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	signer := filepath.Join(dir, "tributary-signer")
	command := exec.Command("go", "build", "-o", signer, "tributary/cmd/tributary-signer")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("e2e: building the signer: %v\n%s", err, output)
	}
	if output, err := exec.Command(signer, "check").CombinedOutput(); err != nil {
		t.Skipf("OpenSSL 3 is not on this machine: %s", output)
	}
	path := filepath.Join(dir, "tributary")
	if err := os.Link(program, path); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return path
}
