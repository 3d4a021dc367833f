//go:build e2e && linux

package e2e

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// The log of TestHeldLog: half its posts do not fit what it may have without the index.
const (
	heldRetention = 4 << 20
	heldLimit     = 12 << 20
	heldPost      = 100 << 10 // bytes of a post
	heldPosts     = 80
	heldRound     = 3 << 20 // of segments that are not read through, and room for what comes
)

// What the index has not read does not expire by size while it is away, whoever is killed
// meanwhile, and then does; beyond the limit it is a gap; and nothing waits for an index that is off.
func TestHeldLog(t *testing.T) {
	h := &heldLog{T: t, program: newIndexed(t)}
	away := "TRIBUTARY_CLICKHOUSE_URL=http://" + freeAddress(t) + "/tributary"
	h.run(away)

	h.append("a.example", heldPosts)
	h.run(away) // retention runs at every start
	h.holds(heldPosts*heldPost, heldLimit)
	h.runKilled(away)
	h.holds(heldPosts*heldPost, heldLimit)
	h.indexed("a.example", heldPosts)
	h.run("")
	h.holds(0, heldRetention+heldRound)

	h.append("b.example", 3*heldPosts)
	h.run(away)
	h.holds(heldLimit-heldRound, heldLimit+heldRound)
	h.expired("b.example", 3*heldPosts)

	h.append("c.example", heldPosts)
	h.run("TRIBUTARY_CLICKHOUSE_URL=off")
	h.holds(0, heldRetention+heldRound)
}

type heldLog struct {
	*testing.T
	program *program
	bytes   int // of the log in the last life
}

// append appends posts of a host while nobody but the broker runs.
func (h *heldLog) append(host string, count int) {
	h.Helper()
	records := make([]*ingest.Record, count)
	for n := range records {
		records[n] = ingesttest.Post(host, n, ingest.TierSearch)
		records[n].Raw = make([]byte, heldPost)
		_, _ = rand.Read(records[n].Raw)
	}
	// Without a limit that matters here, in segments of the size that the program makes.
	h.program.appendBy([]string{"--retention-bytes", fmt.Sprint(heldRetention), "--hold-bytes", fmt.Sprint(1 << 30)}, records)
}

func (h *heldLog) start(env ...string) {
	h.Helper()
	h.program.startReady(append(env, fmt.Sprintf("TRIBUTARY_KAFKA_RETENTION_BYTES=%d", heldRetention), fmt.Sprintf("TRIBUTARY_KAFKA_HOLD_BYTES=%d", heldLimit))...)
	var err error
	if h.bytes, err = strconv.Atoi(h.number("tributary_broker_log_bytes")); err != nil {
		h.Fatal(err)
	}
}

// number is a metric without an exponent.
func (h *heldLog) number(name string) string {
	value, err := strconv.ParseFloat(h.program.metric(name), 64)
	if err != nil {
		return "0" // it is not among those that are not zero
	}
	return strconv.FormatFloat(value, 'f', 0, 64)
}

func (h *heldLog) stop() {
	h.Helper()
	if err := h.program.stop(); err != nil {
		h.Error(err)
	}
}

// run is a life of the program, with one more variable.
func (h *heldLog) run(env string) {
	h.Helper()
	h.start(strings.Fields(env)...)
	h.stop()
}

// runKilled is a life that ends by SIGKILL of the program and its broker, and another one.
func (h *heldLog) runKilled(env string) {
	h.Helper()
	h.start(env)
	h.program.killAll()
	h.run(env)
}

// holds checks how large the log was.
func (h *heldLog) holds(least, most int) {
	h.Helper()
	if h.bytes < least || h.bytes > most {
		h.Errorf("a log of %d bytes, want %d to %d", h.bytes, least, most)
	}
}

// query asks the index for a number.
func (h *heldLog) query(sql string) (int, error) {
	answer, err := exec.Command(h.program.binary, "query", "--data", h.program.data, "--format", "csv", sql).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, answer)
	}
	lines := strings.Fields(string(answer)) // the first is the name of the column
	return strconv.Atoi(lines[len(lines)-1])
}

// awaitPosts waits until the index has the last post of a host, and counts them all.
func (h *heldLog) awaitPosts(host string, last int) (count int) {
	h.Helper()
	await(h.T, "posts of "+host, func() []string {
		found, err := h.query(fmt.Sprintf("SELECT count() FROM posts FINAL WHERE domain = '%s' AND words = 'post %d'", host, last))
		if err == nil && found == 1 {
			count, err = h.query(fmt.Sprintf("SELECT count() FROM posts FINAL WHERE domain = '%s'", host))
		}
		if err != nil || found != 1 {
			return []string{fmt.Sprint("its last post: ", found, " ", err)}
		}
		return nil
	})
	return count
}

// gaps counts what the index missed.
func (h *heldLog) gaps() int {
	h.Helper()
	count, err := h.query("SELECT count() FROM gaps")
	if err != nil {
		h.Error(err)
	}
	return count
}

// indexed is a life with the index, which gets all posts.
func (h *heldLog) indexed(host string, posts int) {
	h.Helper()
	h.start()
	if count := h.awaitPosts(host, posts-1); count != posts || h.gaps() != 0 {
		h.Errorf("%d posts of %s in the index, want %d; %d gaps", count, host, posts, h.gaps())
	}
	h.stop()
}

// expired is a life with the index, which gets what is left, and knows that there was more.
func (h *heldLog) expired(host string, posts int) {
	h.Helper()
	h.start()
	count := h.awaitPosts(host, posts-1)
	if count >= posts || count*heldPost < heldLimit-heldRound || h.gaps() != 1 {
		h.Errorf("%d of %d posts of %s in the index, and %d gaps", count, posts, host, h.gaps())
	}
	h.stop()
}
