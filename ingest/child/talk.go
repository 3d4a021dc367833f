package child

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// talk is the conversation of one life. A nil *talk is none.
type talk struct {
	ours   net.Conn
	theirs *os.File // until the child has it
	over   chan error
}

// newTalk makes a pair of sockets that nobody else can connect to, or listen on: it has no name.
func newTalk() (*talk, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, packets(), 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("child: making the sockets: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "parent's end")
	defer ours.Close() // FileConn has a copy
	t := &talk{theirs: os.NewFile(uintptr(fds[1]), "child's end"), over: make(chan error, 1)}
	if t.ours, err = net.FileConn(ours); err != nil {
		t.theirs.Close()
		return nil, fmt.Errorf("child: making the sockets: %w", err)
	}
	return t, nil
}

// packets is the kind of socket that keeps messages apart, so that several threads of a child can each read one, and
// wakes one of them for it. Systems other than Linux have it without an end that a reader would see: there the end of
// the process is all that tells.
func packets() int {
	if runtime.GOOS == "linux" {
		return syscall.SOCK_SEQPACKET
	}
	return syscall.SOCK_DGRAM
}

// begin talks with a child that was started, until it is killed for it or ends. A child that was asked to end may
// close its end before the others: kill does nothing then.
func (t *talk) begin(talk func(net.Conn) error, kill func()) {
	if t == nil {
		return
	}
	t.theirs.Close() // the child has its own copy
	go func() {
		err := talk(t.ours)
		t.ours.Close()
		kill()
		t.over <- err
	}()
}

// end waits for the talk with a child that has ended, and says why that was if the talk was the reason.
func (t *talk) end(err error) error {
	if t == nil {
		return err
	}
	t.ours.Close()
	if reason := <-t.over; reason != nil {
		return fmt.Errorf("%w; %w", reason, err)
	}
	return err
}

// drop closes a talk that did not begin.
func (t *talk) drop() {
	if t != nil {
		t.ours.Close()
		t.theirs.Close()
	}
}
