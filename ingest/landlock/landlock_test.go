package landlock_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"tributary/ingest/landlock"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "restrict":
			restrict(os.Args[2])
		case "try":
			try(os.Args[2])
		}
	}
	os.Exit(m.Run())
}

// attempt is what a confined program tries, and what came of it.
type attempt struct {
	Rules  landlock.Rules
	Read   []string
	Write  []string
	Dial   []string // network address
	Signal int
	Run    string
}

// restrict gives rights up and becomes try.
func restrict(text string) {
	runtime.LockOSThread()
	var a attempt
	check(json.Unmarshal([]byte(text), &a))
	_, err := landlock.Restrict(a.Rules)
	if errors.Is(err, landlock.ErrUnsupported) {
		fmt.Println(`{"unsupported":"1"}`)
		os.Exit(0)
	}
	check(err)
	self, err := os.Executable()
	check(err)
	check(syscall.Exec(self, []string{self, "try", text}, nil))
}

func try(text string) {
	var a attempt
	check(json.Unmarshal([]byte(text), &a))
	result := map[string]string{}
	note := func(key string, err error) { result[key] = fmt.Sprint(err == nil) }
	for _, path := range a.Read {
		_, err := os.ReadFile(path)
		note("read "+path, err)
	}
	for _, path := range a.Write {
		note("write "+path, os.WriteFile(path, []byte("x"), 0o600))
	}
	for i := 0; i < len(a.Dial); i += 2 {
		c, err := net.Dial(a.Dial[i], a.Dial[i+1])
		note("dial "+a.Dial[i], err)
		if err == nil {
			c.Close()
		}
	}
	note("signal", syscall.Kill(a.Signal, 0))
	note("run", exec.Command(a.Run).Run())
	check(json.NewEncoder(os.Stdout).Encode(result))
	os.Exit(0)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A program keeps what the rules say, in every thread, and nothing else.
func TestRestrict(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Landlock is Linux's")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, d := range []string{inside, outside} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a := attempt{
		Rules: landlock.Rules{
			Read:    []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/proc/self", "/proc/sys", "/sys", filepath.Join(dir, "nowhere")},
			Execute: []string{self, "/lib64", "/lib", "/usr/lib", "/usr/lib64"}, Write: []string{inside},
		},
		Read:  []string{filepath.Join(inside, "file"), filepath.Join(outside, "file"), "/etc/passwd", "/proc/self/stat", "/proc/" + strconv.Itoa(os.Getpid()) + "/environ"},
		Write: []string{filepath.Join(inside, "new"), filepath.Join(outside, "new")},
		Dial:  []string{"tcp", ln.Addr().String()}, Signal: os.Getpid(), Run: "/bin/true",
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "restrict", string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := map[string]string{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got["unsupported"] != "" {
		t.Skip("this kernel has no Landlock")
	}
	for key, want := range map[string]string{
		"read " + a.Read[0]: "true", "read " + a.Read[1]: "false", "read " + a.Read[2]: "false", "read " + a.Read[3]: "true", "read " + a.Read[4]: "false",
		"write " + a.Write[0]: "true", "write " + a.Write[1]: "false", "run": "false",
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
	t.Logf("by kernel: dial %s, signal %s", got["dial tcp"], got["signal"])
	if newEnough(t) && (got["dial tcp"] == "true" || got["signal"] == "true") {
		t.Error("a kernel that can hold TCP and signals did not")
	}
}

// newEnough says whether the kernel is 6.12 or newer.
func newEnough(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	var major, minor int
	_, _ = fmt.Sscanf(string(b), "%d.%d", &major, &minor)
	return major > 6 || major == 6 && minor >= 12
}
