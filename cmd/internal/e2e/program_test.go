//go:build e2e && linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTime is how long the program may take to be ready on a busy machine.
const startTime = 30 * time.Second

// built is the folder of the binaries that were built.
var (
	building sync.Mutex // guards built
	built    string
)

var programFlag = flag.String("program", "", "binary to test instead of building one")

// build makes the program with build tags, once for each set of them.
func build(t *testing.T, tags string) string {
	t.Helper()
	if *programFlag != "" {
		return *programFlag
	}
	building.Lock()
	defer building.Unlock()
	if built == "" {
		dir, err := os.MkdirTemp("", "tributary-e2e-")
		if err != nil {
			t.Fatal(err)
		}
		built = dir
	}
	path := filepath.Join(built, "tributary-"+tags)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	command := exec.Command("go", "build", "-tags", tags, "-o", path, "tributary/cmd/tributary")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("e2e: building the program: %v\n%s", err, output)
	}
	return path
}

// program is `tributary serve` with a data folder and ports that stay its own over
// kills and restarts.
type program struct {
	t      *testing.T
	binary string
	data   string
	log    string // file that all its lives write to
	listen string
	debug  string
	front  string // base URL that others know it by; "": listen's
	*process
}

// newProgram chooses folder and ports; start it with start.
func newProgram(t *testing.T, tags string) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{
		t:      t,
		binary: build(t, tags),
		data:   filepath.Join(dir, "data"),
		log:    filepath.Join(dir, "serve.log"),
		listen: freeAddress(t),
		debug:  freeAddress(t),
	}
	t.Cleanup(p.end)
	return p
}

// end is the end of the test: nothing may run on in its folder.
func (p *program) end() {
	if p.process == nil {
		return
	}
	if p.t.Failed() {
		p.t.Logf("the program's counters:\n%s", p.counters())
		p.t.Logf("end of the program's log:\n%s", tail(p.log, 60))
	}
	broker, withBroker := childOf(p.cmd.Process.Pid, "broker")
	engine, withEngine := p.engine()
	p.kill()
	for withBroker && running(broker) || withEngine && running(engine) { // they end by themselves when their parent is gone
		time.Sleep(5 * time.Millisecond)
	}
}

// metric is the value of one of the program's metrics, "" when it has none.
func (p *program) metric(name string) string {
	for line := range strings.Lines(p.counters()) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// counters are the program's metrics that are not zero.
func (p *program) counters() string {
	answer, err := http.Get("http://" + p.debug + "/metrics")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "tributary_") && !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket{") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// start runs serve, with more environment, and does not wait for it.
func (p *program) start(env ...string) {
	p.t.Helper()
	p.serveWith([]string{"serve", "--dev", "--data", p.data, "--listen", p.listen, "--debug-listen", p.debug, "--url", p.url()}, env...)
}

// serveWith runs the program with these arguments.
func (p *program) serveWith(args []string, env ...string) {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(p.binary, args...)
	command.Env = append(cleanEnvironment(), env...)
	command.Stdout, command.Stderr = log, log
	if p.process, err = spawn(command); err != nil {
		p.t.Fatal(err)
	}
}

// cleanEnvironment is ours without the program's own variables.
func cleanEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TRIBUTARY_") {
			env = append(env, variable)
		}
	}
	return env
}

// startReady runs serve and waits until it is ready.
func (p *program) startReady(env ...string) time.Duration {
	p.t.Helper()
	began := time.Now()
	p.start(env...)
	if err := p.ready(); err != nil {
		p.t.Fatal(err)
	}
	return time.Since(began)
}

// ready waits until /readyz answers 200, the program ends, or its time is over.
func (p *program) ready() error {
	ctx, cancel := context.WithTimeout(p.t.Context(), startTime)
	defer cancel()
	for {
		if status, err := getStatus(ctx, "http://"+p.debug+"/readyz"); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("e2e: the program ended before it was ready: %s", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("e2e: not ready after %s", startTime)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop is SIGTERM and the wait for a clean end.
func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(startTime):
		return fmt.Errorf("e2e: still there %s after SIGTERM", startTime)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("e2e: ended with %s after SIGTERM", p.cmd.ProcessState)
	}
	return nil
}

// killBroker is kill -9 of the embedded broker; false when there is none just now.
func (p *program) killBroker() bool {
	pid, found := childOf(p.cmd.Process.Pid, "broker")
	return found && syscall.Kill(pid, syscall.SIGKILL) == nil
}

func (p *program) url() string {
	if p.front != "" {
		return p.front
	}
	return "http://" + p.listen
}
func (p *program) inbox() string { return p.url() + "/inbox" }
func (p *program) actor() string { return p.url() + "/actor" }

func (p *program) firehose() string { return "ws://" + p.listen + "/api/v1/firehose" }

func getStatus(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
