package childtest

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"tributary/ingest/child"
)

// ParentMain is the main of a program that supervises a child with these arguments, says
// its pid when it serves, and waits to be killed. TestMain calls it for StartParent.
func ParentMain(args []string) error {
	p, err := child.Start(context.Background(), child.Spec{Name: "child", Args: args, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = p.Ready(context.Background())
	}
	if err != nil {
		return err
	}
	fmt.Println(p.Pid())
	select {}
}

// StartParent runs the test's binary with these arguments, which lead to ParentMain, and
// returns it and the pid of its child.
func StartParent(t testing.TB, args ...string) (parent *exec.Cmd, pid int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent = exec.CommandContext(context.Background(), self, args...)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent did not say its child's pid: %v", err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return parent, pid
}
