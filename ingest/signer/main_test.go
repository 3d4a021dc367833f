package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

var built string // folder of tributary-signer

// TestMain lets the test binary be `tributary signer`; tributary-signer is the real one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "signer" {
		var o Options
		flags := flag.NewFlagSet("signer", flag.ExitOnError)
		flags.StringVar(&o.Library, "library", "", "")
		flags.StringVar(&o.Binary, "binary", "", "")
		_ = flags.Parse(os.Args[2:])
		o.Log = child.Logger(slog.LevelDebug)
		fmt.Fprintln(os.Stderr, Run(o))
		os.Exit(1)
	}
	var err error
	if built, err = os.MkdirTemp("", "signer"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(built)
		os.Exit(code)
	}))
}

var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(built, "tributary-signer")
	cmd := exec.Command("go", "build", "-o", binary, "tributary/cmd/tributary-signer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// program is tributary-signer; the test is skipped where there is no library for it.
func program(t testing.TB) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(t.Context(), binary, ""); err != nil {
		t.Skipf("OpenSSL 3 is not on this machine: %v", err)
	}
	return binary
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// peer is a running child and its client.
type peer struct {
	*child.Process
	*Client
}

func start(t testing.TB, log *slog.Logger) *peer {
	t.Helper()
	client, process, err := Start(context.Background(), Options{Binary: program(t), Key: testKey(), Workers: 2, Log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &peer{process, client}
	p.awaitUse(t)
	return p
}

// awaitUse waits until the child is asked.
func (p *peer) awaitUse(t testing.TB) {
	t.Helper()
	childtest.Await(t, "a child that has proved itself", func() bool { return p.line.Load() != nil })
}

func newDigest() (d [sha256.Size]byte) {
	_, _ = rand.Read(d[:])
	return d
}

// bySelf is the one right signature.
func bySelf(t testing.TB, key *rsa.PrivateKey, digest [sha256.Size]byte) string {
	t.Helper()
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Error(err)
	}
	return string(value)
}

func readProc(t testing.TB, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
