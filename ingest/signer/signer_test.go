package signer

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/child/childtest"
	"tributary/ingest/signature"
)

func TestSameAsGo(t *testing.T) {
	p := start(t, childtest.Log(t))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 40 {
				digest := newDigest()
				got, err := p.Sign(digest)
				if err != nil || string(got) != bySelf(t, testKey(), digest) {
					t.Errorf("%v: %x", err, got)
				}
			}
		})
	}
	wg.Wait()
}

// A child that is killed while it signs costs nobody a signature, and the next one goes on.
func TestKilledUnderLoad(t *testing.T) {
	p := start(t, childtest.Log(t))
	s := signature.NewSigner("https://our.example/actor#main-key", testKey(), 2)
	s.Through(p.Sign)
	var signed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://their.example/actor", nil)
				if err == nil {
					err = s.SignGet(t.Context(), r)
				}
				if err == nil {
					err = verified(r)
				}
				if err != nil {
					t.Error(err)
					return
				}
				signed.Add(1)
			}
		})
	}
	more := func() {
		n := signed.Load()
		childtest.Await(t, "more signatures", func() bool { return t.Failed() || signed.Load() > n+50 })
	}
	for range 3 {
		p.awaitUse(t)
		more()
		pid := p.Pid()
		childtest.Kill(t, pid)
		childtest.Await(t, "the end of the child", func() bool { return p.Pid() != pid })
		more()
	}
	p.awaitUse(t)
	more()
	close(stop)
	wg.Wait()
	reg := prometheus.NewRegistry()
	signature.RegisterMetrics(reg, s)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		t.Logf("%v", m)
		if m.GetCounter().GetValue() == 0 {
			t.Errorf("none by %s", m.GetLabel()[0].GetValue())
		}
	}
}

func verified(r *http.Request) error {
	s, err := signature.Parse(r)
	if err != nil {
		return err
	}
	r.Host = r.URL.Host
	return s.Verify(r, nil, &testKey().PublicKey, time.Now())
}

// A child that hangs is no better than one that has ended.
func TestHangingChildIsReplaced(t *testing.T) {
	p := start(t, childtest.Log(t))
	pid := p.Pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var failed error
	for failed == nil { // a thread of it may still be running
		_, failed = p.Sign(newDigest())
	}
	if !errors.Is(failed, ErrSlow) {
		t.Errorf("got %v", failed)
	}
	childtest.Await(t, "the end of the child", func() bool { return childtest.Gone(pid) })
	p.awaitUse(t)
	if _, err := p.Sign(newDigest()); err != nil {
		t.Error(err)
	}
}

func TestNotInstalled(t *testing.T) {
	binary := program(t)
	dir := t.TempDir()
	nonsense := filepath.Join(dir, "nonsense")
	if err := os.WriteFile(nonsense, []byte("\x7fELF nonsense"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"beside ours":    {Options{}, "make build"},
		"program":        {Options{Binary: filepath.Join(dir, "nothing")}, "make build"},
		"broken program": {Options{Binary: nonsense}, "does not run"},
		"library":        {Options{Binary: binary, Library: filepath.Join(dir, "libcrypto.so.3")}, "cannot open"},
		"broken library": {Options{Binary: binary, Library: nonsense}, "nonsense"},
	} {
		c.o.Key, c.o.Workers, c.o.Log = testKey(), 1, childtest.Log(t)
		_, process, err := Start(t.Context(), c.o, nil)
		if process != nil {
			process.Close()
		}
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The key can be seen by nobody who looks at processes or files, and the child can do nothing but sign.
func TestChildIsClosed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	t.Setenv("SECRET", "of the parent")
	p := start(t, childtest.Log(t))
	command, environment := readProc(t, p.Pid(), "cmdline"), readProc(t, p.Pid(), "environ")
	if environment != "" {
		t.Errorf("environment %q", environment)
	}
	if !strings.Contains(command, "tributary-signer") {
		t.Errorf("command %q", command)
	}
	der, err := x509.MarshalPKCS8PrivateKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{string(der), base64.StdEncoding.EncodeToString(der)[64:128], hex.EncodeToString(testKey().D.Bytes())[:32]} {
		if strings.Contains(command+environment, secret) {
			t.Error("the key is in the arguments or the environment")
		}
	}
	open, err := filepath.Glob(filepath.Join("/proc", itoa(p.Pid()), "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if to, _ := os.Readlink(fd); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/dev/") && !strings.HasPrefix(to, "/sys/") {
			t.Errorf("it has %s open", to)
		}
	}
	if status := readProc(t, p.Pid(), "status"); !strings.Contains(status, "NoNewPrivs:\t1") {
		t.Log("this kernel has no Landlock")
	}
	pid := p.Pid()
	if err := p.Close(); err != nil || !childtest.Gone(pid) {
		t.Errorf("it outlives its parent: %v", err)
	}
	if _, err := p.Sign(newDigest()); !errors.Is(err, ErrNoChild) {
		t.Errorf("after the end: %v", err)
	}
}

// Serve refuses what no parent says, and ends by what its key cannot do.
func TestServe(t *testing.T) {
	broken := errors.New("broken")
	good := hello(2, []byte("key"))
	for name, c := range map[string]struct {
		first, then []byte
		open        func([]byte) (Key, error)
		want        error
	}{
		"nothing":        {},
		"no hello":       {first: []byte("GET / HTTP/1.1"), want: errProtocol},
		"no workers":     {first: hello(0, []byte("key")), want: errProtocol},
		"no key":         {first: hello(1, nil), want: errProtocol},
		"too long":       {first: hello(1, make([]byte, maxKey+1)), want: errProtocol},
		"bad key":        {first: good, open: func([]byte) (Key, error) { return nil, broken }, want: broken},
		"end":            {first: good, open: func([]byte) (Key, error) { return failing{}, nil }},
		"short question": {first: good, then: []byte("x"), open: func([]byte) (Key, error) { return failing{}, nil }, want: errProtocol},
		"long question":  {first: good, then: make([]byte, askSize+1), open: func([]byte) (Key, error) { return failing{}, nil }, want: errProtocol},
		"cannot sign":    {first: good, then: question(1, [32]byte{}), open: func([]byte) (Key, error) { return failing{broken}, nil }, want: broken},
	} {
		ours, theirs := socketPair(t)
		if c.first != nil {
			send(t, ours, c.first)
		}
		if c.then != nil {
			send(t, ours, c.then)
		}
		done := make(chan error, 1)
		go func() { done <- Serve(theirs, c.open, func() {}) }()
		if c.want == nil {
			shut(t, ours)
		}
		if err := <-done; !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		shut(t, ours) // the other workers end by it
		shut(t, theirs)
	}
}

type failing struct{ err error }

func (f failing) Size() int                 { return 256 }
func (f failing) Sign([]byte, []byte) error { return f.err }

func FuzzParseHello(f *testing.F) {
	f.Add(hello(2, []byte("key")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		workers, key, err := parseHello(b)
		if err == nil && !bytes.Equal(hello(workers, key), b) {
			t.Errorf("%x: %d workers, key %x", b, workers, key)
		}
	})
}

func FuzzParseAnswers(f *testing.F) {
	f.Add(question(7, sha256.Sum256(nil)))
	f.Add(append(question(7, sha256.Sum256(nil)), question(8, sha256.Sum256(nil))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		answers, err := parseAnswers(b, sha256.Size)
		if err != nil {
			return
		}
		var again []byte
		for number, signature := range answers {
			again = append(again, question(number, [sha256.Size]byte(signature))...)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x: %x", b, again)
		}
	})
}
