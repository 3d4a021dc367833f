package landlock

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	read    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	execute = unix.LANDLOCK_ACCESS_FS_EXECUTE
	write   = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// never is given to nobody.
	never = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK
	// ofFile is what a right to a file, rather than a folder, can hold.
	ofFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// kernels are what can be handled, newest kernel first: one that does not know a right refuses the set (EINVAL, or E2BIG
// for a longer struct).
var kernels = []unix.LandlockRulesetAttr{
	{Handled_access_fs: files | unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX, Handled_access_net: tcp | udp, Scoped: scoped},
	{Handled_access_fs: files | unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX, Handled_access_net: tcp, Scoped: scoped},
	{Handled_access_fs: files, Handled_access_net: tcp, Scoped: scoped},                                       // 6.12
	{Handled_access_fs: files, Handled_access_net: tcp},                                                       // 6.10
	{Handled_access_fs: files &^ device, Handled_access_net: tcp},                                             // 6.7
	{Handled_access_fs: files &^ device},                                                                      // 6.2
	{Handled_access_fs: files &^ device &^ unix.LANDLOCK_ACCESS_FS_TRUNCATE},                                  // 5.19
	{Handled_access_fs: files &^ device &^ unix.LANDLOCK_ACCESS_FS_TRUNCATE &^ unix.LANDLOCK_ACCESS_FS_REFER}, // 5.13
}

const (
	device = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	files  = read | execute | write | never | device
	tcp    = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	udp    = unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
	scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// Restrict leaves to the calling thread, and to the program that it executes next, what the rules allow. The thread
// stays locked to its goroutine.
func Restrict(rules Rules) (Domain, error) {
	fd, handled, err := ruleset()
	if err != nil {
		return Domain{}, err
	}
	defer unix.Close(fd)
	executable := slices.Clone(rules.Execute)
	for _, program := range rules.Execute {
		if loader := interpreter(program); loader != "" {
			executable = append(executable, loader)
		}
	}
	for _, allow := range []struct {
		paths  []string
		rights uint64
	}{
		{rules.Read, read},
		{executable, read | execute},
		{rules.Write, read | write},
	} {
		for _, path := range allow.paths {
			if err := add(fd, path, allow.rights&handled.Handled_access_fs); err != nil {
				return Domain{}, err
			}
		}
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return Domain{}, fmt.Errorf("landlock: giving up new privileges: %w", err)
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0); e != 0 {
		return Domain{}, fmt.Errorf("landlock: restricting: %w", e)
	}
	return Domain{
		Files:   true,
		TCP:     handled.Handled_access_net&tcp != 0,
		UDP:     handled.Handled_access_net&udp != 0,
		Signals: handled.Scoped != 0,
		Sockets: handled.Handled_access_fs&unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX != 0,
	}, nil
}

// ruleset makes one that handles all that the kernel knows.
func ruleset() (fd int, handled unix.LandlockRulesetAttr, err error) {
	for _, attr := range kernels {
		// The struct without what came with audit, which older kernels do not know.
		size := unsafe.Offsetof(attr.Quiet_access_fs)
		fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
		switch {
		case e == 0:
			return int(fd), attr, nil
		case errors.Is(e, unix.ENOSYS), errors.Is(e, unix.EOPNOTSUPP), errors.Is(e, unix.EPERM):
			return 0, attr, fmt.Errorf("%w: %w", ErrUnsupported, e)
		case !errors.Is(e, unix.EINVAL) && !errors.Is(e, unix.E2BIG):
			return 0, attr, fmt.Errorf("landlock: making the rules: %w", e)
		}
	}
	return 0, unix.LandlockRulesetAttr{}, ErrUnsupported
}

func add(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("landlock: opening %s: %w", path, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("landlock: looking at %s: %w", path, err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFile
	}
	// struct landlock_path_beneath_attr is packed: 12 bytes.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if e != 0 {
		return fmt.Errorf("landlock: allowing %s: %w", path, e)
	}
	return nil
}

// interpreter is the program that loads a dynamically linked one.
func interpreter(program string) string {
	f, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, _ := io.ReadAll(p.Open())
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}
