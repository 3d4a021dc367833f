// Package child runs our own binary a second time as a supervised child process:
// the embedded broker, the embedded engine.
//
// The parent calls Start with the arguments of the child ("broker", "--dir", …) and
// gets a Process: it is started again when it ends, its log lines become lines of the
// parent's log, and Close ends it. The child calls Context, ParentGone, Ready and
// Logger.
//
// # Invariants
//
//   - No orphan. A child's standard input is the read end of a pipe whose write end
//     only the parent holds. The kernel closes it however the parent ends, SIGKILL
//     included, and the child ends when it reads EOF. PR_SET_PDEATHSIG is not used: the
//     kernel sends it when the *thread* that forked ends, and the Go runtime ends
//     threads whenever it likes, so a healthy child would be killed at random. A child
//     that hangs while it ends leaves by force after LingerMax.
//   - Restart at once. A new parent may start its child while the child of a killed one
//     is still closing its files: a child that finds its data directory locked waits for
//     the lock (see ingest/broker) instead of failing.
//   - The parent alone decides when a child ends: it closes the pipe, and kills it after
//     a budget. A supervised child ignores SIGTERM, SIGINT and SIGHUP and has its own
//     process group, for Ctrl-C and systemd's KillMode=control-group signal every
//     process at once, while the parent still drains into its child.
//   - The environment of the child is what Spec.Env names, nothing is inherited: secrets
//     that came to the parent by its environment stay there.
//   - What a child writes is bounded: lines longer than LineMax are cut.
//
// # Protocol
//
// Standard input: the pipe, never written. Standard output: the line "ready" once the
// child serves; other lines are logged. Standard error: log lines of Logger (JSON),
// which keep their level and attributes, or anything else (a panic), logged as it is.
// With Spec.Talk there is a socket, TalkFD, with a protocol of parent and child's own: what no argument, environment
// or file may hold goes over it. By hand, without a pipe as standard input, the same program runs until SIGINT or
// SIGTERM and logs text.
//
// # Files
//
//	spec.go       what to run
//	process.go    Start, Ready, Pid, Close
//	supervise.go  one life after another, backoff
//	talk.go       a socket between parent and child
//	lines.go      bounded lines, log lines of the child
//	inside.go     the child's side
//	metrics.go    restarts
package child
