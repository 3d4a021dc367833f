//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"tributary/relay/simulator"
)

// lastWords returns what logs a text as the last that a failed test says, after the log of
// the program: of a long output the end is kept. Call it before the program is made.
func lastWords(t *testing.T) (say func(text string)) {
	var mu sync.Mutex
	var said []string
	t.Cleanup(func() {
		if t.Failed() && len(said) > 0 {
			t.Log(strings.Join(said, "\n"))
		}
	})
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}
}

// stuck is all that tells why servers do not get what they should: their lanes as the operator
// sees them, what came last to the first of them, and where the deliveries of the program stand.
func (p *program) stuck(servers ...*simulator.Server) string {
	var lines []string
	for _, s := range servers {
		lines = append(lines, "the lane of "+s.Host()+": "+p.subscription(s.Host()))
	}
	came := servers[0].Deliveries()
	for _, d := range came[max(0, len(came)-15):] {
		line := fmt.Sprintf("%s %d %s %s %s", d.Time.Format("15:04:05.000"), d.Status, d.Type, d.Object, d.Path)
		if d.Problem != nil {
			line += ": " + d.Problem.Error()
		}
		lines = append(lines, line)
	}
	return strings.Join(append(lines, p.stacks("relay/delivery")...), "\n")
}

// subscription is what `admin subscribers list` says of a host.
func (p *program) subscription(host string) string {
	command := exec.Command(p.binary, "admin", "--data", p.data, "--json", "subscribers", "list")
	command.Env = cleanEnvironment()
	output, err := command.Output()
	var all []json.RawMessage
	if err == nil {
		err = json.Unmarshal(output, &all)
	}
	if err != nil {
		return err.Error()
	}
	for _, one := range all {
		if strings.Contains(string(one), host) {
			return strings.Join(strings.Fields(string(one)), " ")
		}
	}
	return "not subscribed"
}

// stacksMax is how many lines stacks has at most.
const stacksMax = 40

// stacks says where the goroutines of the program stand that have a function of path among
// their callers: a line for those that stand at the same place, the innermost call first.
func (p *program) stacks(path string) []string {
	answer, err := http.Get("http://" + p.debug + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return []string{err.Error()}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		if strings.Contains(stack, path) {
			lines = append(lines, oneStack(stack))
		}
	}
	return lines[:min(len(lines), stacksMax)]
}

// oneStack shortens a stack as pprof writes it: "8 @ 0x…", then "#\t0x…\tfunction+0x…\tfile:line" each.
func oneStack(stack string) string {
	count, rest, _ := strings.Cut(strings.TrimSpace(stack), " @")
	count = count[strings.LastIndexByte(count, '\n')+1:] // the first stands below a heading
	var calls []string
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "#" {
			continue
		}
		function, _, _ := strings.Cut(fields[2], "+0x")
		at := fields[3][strings.LastIndexByte(fields[3], '/')+1:]
		calls = append(calls, function[strings.LastIndexByte(function, '/')+1:]+" "+at)
	}
	return count + " × " + strings.Join(calls[:min(len(calls), 8)], " < ")
}
