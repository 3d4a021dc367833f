package delivery

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// startSink starts servers in another process and returns their hosts.
func startSink(b *testing.B) []string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), sinkVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.Fields(line)
}

// cpu is the time that this process has spent on processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDelivery bounds what one delivery of a 3 KB Create costs us, from the
// log in memory to the settled answer, in a process of its own: "stub" is all
// but the signature, "rsa" is all of it, "shared" is all of it where the lanes take one
// signature (goal: ≤ 60 µs CPU). A hundred lanes get the same records, as servers do; ns/op is per delivery, with two processors at work
// on both sides; cpu-µs/op is our process alone.
func BenchmarkDelivery(b *testing.B) {
	key, err := signature.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	signer := signature.NewSigner(testActor+"#main-key", key, 0)
	b.Run("stub", func(b *testing.B) { benchmarkDelivery(b, stubSigner{}, Signing{}) })
	b.Run("rsa", func(b *testing.B) { benchmarkDelivery(b, signer, Signing{}) })
	b.Run("shared", func(b *testing.B) { benchmarkDelivery(b, signer, Signing{Shared: true}) })
}

const benchLanes = 100

func benchmarkDelivery(b *testing.B, signer Signer, signing Signing) {
	var inboxes []string
	for _, host := range startSink(b) {
		inboxes = append(inboxes, "http://"+host+"/inbox")
	}
	subs := subscribed(inboxes...)
	subs.signings = make(map[string]Signing)
	for _, inbox := range inboxes {
		subs.signings[inbox] = signing
	}
	db, err := state.Open(b.Context(), statetest.Source(b, filepath.Join(b.TempDir(), "state.db")), quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	log := newFakeLog()
	e, err := newEngine(Config{}, Deps{
		DB: db, Signer: signer, Client: loopback(b, nil), Subscribers: subs,
		Actor: testActor, Log: quiet(), Registerer: prometheus.NewRegistry(),
	}, log)
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(context.Background()) }()
	defer func() {
		_ = e.Close(context.Background())
		<-ended
	}()
	waitForLanes(b, e, benchLanes)
	send := func(records int) {
		raw := bytes.Repeat([]byte("x"), 3<<10)
		first := log.Tip() + 1
		entries := make([]*ingest.Entry, records)
		for i := range entries {
			seq := first + uint64(i)
			entries[i] = entry(seq, fmt.Sprintf("https://origin.example/notes/%d", seq), fmt.Sprintf("https://origin.example/users/%d", seq%50))
			entries[i].Record.Raw = fmt.Appendf(nil, "%d%s", seq, raw) // each with a digest of its own
		}
		log.append(entries...)
		waitForLag(b, e, 0)
	}
	send(50) // connections, windows
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	records := max(1, b.N/benchLanes)
	send(records)
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(records*benchLanes), "cpu-µs/op")
}
