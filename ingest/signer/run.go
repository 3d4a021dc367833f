package signer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tributary/ingest/child"
	"tributary/ingest/landlock"
)

// readable are what the library, its loader and the Go runtime read of the system.
var readable = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/urandom", "/dev/random",
	"/proc/self", "/sys/kernel/mm/transparent_hugepage",
}

// Run is the main of `tributary signer`: it gives up its rights and becomes tributary-signer, with the socket to the
// parent. It returns only an error.
func Run(o Options) error {
	binary, err := find(o.Binary)
	if err != nil {
		return err
	}
	var end unix.Stat_t
	if err := unix.Fstat(child.TalkFD, &end); err != nil || end.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errors.New("signer: serve starts this command, which takes the key from it and from nowhere else")
	}
	rules := landlock.Rules{Read: readable, Execute: []string{binary}, Write: []string{"/dev/null"}}
	if o.Library != "" {
		library, err := filepath.EvalSymlinks(o.Library)
		if err != nil {
			return fmt.Errorf("signer: finding the library: %w", err)
		}
		rules.Read = append(append([]string{}, readable...), o.Library, filepath.Dir(library))
	}
	if _, err := landlock.Restrict(rules); errors.Is(err, landlock.ErrUnsupported) {
		o.Log.Debug("the process that signs is not confined", "err", err)
	} else if err != nil {
		return fmt.Errorf("signer: confining: %w", err)
	}
	err = unix.Exec(binary, []string{filepath.Base(binary), "serve", "--library", o.Library}, []string{})
	return fmt.Errorf("signer: starting %s: %w", binary, os.NewSyscallError("exec", err))
}
