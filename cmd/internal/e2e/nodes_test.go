//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary/ingest/ingesttest"
	"tributary/ingest/state/statetest"
	"tributary/ingest/testseed"
)

// The world of TestNodes.
const (
	nodesRate  = 30              // posts per second over all senders
	nodesPhase = 3 * time.Second // of load between two events
)

// I1, I2, I7 on two nodes over one Kafka and one PostgreSQL: posts come to either, or to
// both at once. When one is killed nothing is lost, nothing comes twice on a stream
// that goes on at the other, and subscribers are served on. When it is back it takes
// its part again.
func TestNodes(t *testing.T) {
	c := newNodes(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.load.subscribe(ctx)
	streams := []*reader{
		read(t, "ws://"+c.way(0)+"/api/v1/firehose"),
		read(t, "ws://"+c.way(1)+"/api/v1/firehose"),
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); c.load.run(ctx, nodesRate, stop) }()
	c.awaitShares("both have a part", func(a, b int) bool { return a > 8 && b > 8 && a+b == 64 })
	pause(ctx, nodesPhase)

	first := c.nodes[0]
	before := c.load.posts()
	first.kill()
	killed := time.Now()
	c.awaitShares("the other one has all", func(_, b int) bool { return b == 64 })
	t.Logf("all lanes were the other node's %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	c.awaitServed(before, streams)
	t.Logf("everything posted before the kill had arrived %s after it; the goal is 15s", time.Since(killed).Round(100*time.Millisecond))
	pause(ctx, nodesPhase)

	t.Logf("it was ready %s after it was started again", first.startReady(c.environ...).Round(time.Millisecond))
	c.awaitShares("the first has its part again", func(a, b int) bool { return a > 8 && b > 8 && a+b == 64 })
	pause(ctx, nodesPhase)

	close(stop)
	<-done
	c.load.inFlight.Wait()
	c.awaitServed(c.load.posts(), streams)
	c.judge(streams)
	for i, p := range c.nodes {
		if err := p.stop(); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
	}
}

// nodes are two programs over the same servers.
type nodes struct {
	*testing.T
	nodes   []*program
	environ []string
	load    *load
}

func newNodes(t *testing.T) *nodes {
	t.Helper()
	server, err := statetest.Start("fsync=off") // processes are killed, not the machine
	if errors.Is(err, statetest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	log := ingesttest.NewBroker(t, "").Kafka()
	c := &nodes{T: t, environ: []string{
		"TRIBUTARY_DATABASE_URL=" + server.URL(), "TRIBUTARY_CLICKHOUSE_URL=off",
		"TRIBUTARY_KAFKA_BROKERS=" + log.Addr.String(), "TRIBUTARY_KAFKA_TOPIC=" + topicOf(log.Topic),
	}}
	for range 2 {
		c.nodes = append(c.nodes, newProgram(t, ""))
	}
	front := httptest.NewServer(&door{nodes: c.nodes})
	t.Cleanup(front.Close)
	for _, p := range c.nodes {
		p.front = front.URL
		p.start(c.environ...)
	}
	for _, p := range c.nodes {
		if err := p.ready(); err != nil {
			t.Fatal(err)
		}
	}
	c.load = newLoad(t, newWorld(t, testseed.Of(t)), front.URL+"/inbox", killSenders, killSubscribers)
	return c
}

func topicOf(name string) string {
	if name == "" {
		return "posts"
	}
	return name
}

// shares is how many parts of the lanes a node serves, 0 when it is not there.
func (c *nodes) shares(node int) int {
	n, _ := strconv.Atoi(c.nodes[node].metric(`tributary_lease_held{kind="lanes"}`))
	return n
}

func (c *nodes) awaitShares(what string, enough func(a, b int) bool) {
	c.Helper()
	for deadline := time.Now().Add(settleTime); ; pause(c.Context(), 100*time.Millisecond) {
		a, b := c.shares(0), c.shares(1)
		if enough(a, b) {
			c.Logf("%s: %d and %d", what, a, b)
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s: not after %s: %d and %d", what, settleTime, a, b)
		}
	}
}

// awaitServed waits until all have these posts.
func (c *nodes) awaitServed(posts map[string]*outcome, streams []*reader) {
	c.Helper()
	await(c.T, "posts at subscribers and streams", func() (missing []string) {
		for i, s := range c.load.senders {
			for _, object := range missingAt(s, i, posts) {
				missing = append(missing, fmt.Sprintf("sender %d lacks %s", i, object))
			}
		}
		for i, s := range c.load.subscribers {
			for _, object := range missingAt(s, -1, posts) {
				missing = append(missing, fmt.Sprintf("subscriber %d lacks %s", i, object))
			}
		}
		for i, stream := range streams {
			frames, _ := stream.all()
			for _, object := range missingFrames(frames, posts) {
				missing = append(missing, fmt.Sprintf("stream %d lacks %s", i, object))
			}
		}
		return missing
	})
}

// judge checks what arrived: both streams, live and replayed, are one.
func (c *nodes) judge(streams []*reader) {
	c.Helper()
	posts := c.load.posts()
	live, _ := streams[0].all()
	views := map[string]*reader{"the other stream": streams[1]}
	for i, p := range c.nodes {
		again := read(c.T, p.firehose())
		again.await(c.T, "the newest frame again", func(f frame) bool { return f.Seq >= live[len(live)-1].Seq })
		views[fmt.Sprintf("node %d, read again", i)] = again
	}
	for name, view := range views {
		frames, _ := view.all()
		for _, wrong := range unlikeReplay(live, frames) {
			c.Errorf("%s: %s", name, wrong)
		}
	}
	for i, stream := range streams {
		frames, err := stream.all()
		if err != nil {
			c.Errorf("stream %d: %v", i, err)
		}
		for _, wrong := range wrongFrames(frames) {
			c.Errorf("stream %d: %s", i, wrong)
		}
	}
	total, repeated := 0, 0
	for i, s := range c.load.subscribers {
		for _, wrong := range wrongDeliveries(s, -1, posts) {
			c.Errorf("subscriber %d: %s", i, wrong)
		}
		all, twice := repeats(s)
		total, repeated = total+all, repeated+twice
	}
	for _, refused := range c.load.refused {
		c.Error("refused: " + refused)
	}
	for i, p := range c.nodes {
		if lost := p.metric(`tributary_lease_lost_total{kind="lanes"}`); lost != "" && lost != "0" {
			c.Logf("node %d could not renew in time and dropped %s shares of lanes: the machine is very busy", i, lost)
		}
	}
	c.Logf("%d posts acknowledged, %d frames over %d and %d connections; subscribers took %d deliveries, %d of them repeats",
		len(posts), len(live), streams[0].resumed, streams[1].resumed, total, repeated)
}

// door is what stands before the nodes: it gives each request to one of them in turn, and
// every third one to both at once.
type door struct {
	nodes []*program
	turn  atomic.Int64
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	turn := int(d.turn.Add(1))
	to := d.nodes
	if turn%3 != 0 || r.Method != http.MethodPost {
		to = to[turn%2 : turn%2+1]
	}
	answers := make([]*httptest.ResponseRecorder, len(to))
	var asking sync.WaitGroup
	for i, node := range to {
		asking.Go(func() { answers[i] = pass(r, body, node.listen) })
	}
	asking.Wait()
	best := answers[0]
	for _, answer := range answers {
		if answer.Code < best.Code {
			best = answer // taken by one is taken
		}
	}
	for name, values := range best.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(best.Code)
	_, _ = w.Write(best.Body.Bytes())
}

// pass gives a request to a node, under the name that it came for.
func pass(r *http.Request, body []byte, to string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	request := r.Clone(r.Context())
	request.URL.Scheme, request.URL.Host = "http", to
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		answer.Code = http.StatusBadGateway
		return answer
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		answer.Code = http.StatusBadGateway
		return answer
	}
	answer.Code = response.StatusCode
	for name, values := range response.Header {
		if !strings.EqualFold(name, "Connection") {
			answer.Header()[name] = values
		}
	}
	answer.Body.Write(text)
	return answer
}

// way is an address that leads to a node, and to the other one while that is away.
func (c *nodes) way(preferred int) string {
	c.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { c.connect(client, preferred) })
		}
	})
	c.Cleanup(func() { _ = listener.Close(); connections.Wait() })
	return listener.Addr().String()
}

func (c *nodes) connect(client net.Conn, preferred int) {
	defer func() { _ = client.Close() }()
	for _, p := range []*program{c.nodes[preferred], c.nodes[1-preferred]} {
		node, err := net.Dial("tcp", p.listen)
		if err != nil {
			continue
		}
		go func() {
			_, _ = io.Copy(node, client)
			_ = node.Close()
		}()
		_, _ = io.Copy(client, node)
		_ = node.Close()
		return
	}
}
