package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"tributary/ingest/landlock"
)

// readable are what ClickHouse and the Go runtime read of the system: shared libraries, time zones, and what says how
// many processors and how much memory there are. Of /proc only what is about the process itself: another one's
// environment may hold secrets.
var readable = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
	"/usr/share/zoneinfo", "/dev/urandom", "/dev/random",
	"/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/sys",
	"/sys/fs/cgroup", "/sys/devices/system", "/sys/kernel/mm/transparent_hugepage",
}

// confine takes away what the engine does not need, for people write SQL, and scalar file() and INTO OUTFILE are open to
// whoever may SELECT. It keeps its own directory (so it must hold no secrets), and cannot even remove its socket, whose
// folder holds our other data.
func confine(l *layout, library, binary string, log *slog.Logger) error {
	rules := landlock.Rules{
		Read:    append([]string{library, filepath.Dir(l.config)}, readable...),
		Execute: []string{binary},
		Write:   []string{l.data, "/dev/null"},
	}
	domain, err := landlock.Restrict(rules)
	if errors.Is(err, landlock.ErrUnsupported) {
		log.Warn("the engine is not confined: SQL that an operator runs can read this machine's files", "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("engine: confining: %w", err)
	}
	log.Debug("the engine is confined", "files", domain.Files, "tcp", domain.TCP, "udp", domain.UDP,
		"signals", domain.Signals, "sockets", domain.Sockets)
	return nil
}
