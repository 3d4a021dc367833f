// Command tributary is a federated relay and timeline aggregator for the fediverse.
//
// This package is the command line and nothing else: each file is one command, which reads its
// configuration (cmd/internal/config) and calls the package that does the work.
//
//	main.go      start, errors, exit status
//	root.go      the root, groups of commands, suggestions
//	serve.go     serve
//	admin*.go    admin and its commands, over the running program's socket
//	log.go       log copy
//	broker.go    broker, the embedded broker's process
//	version.go   which program this is
//	config.go    config example, config check
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := newRoot().Execute(); err != nil {
		report(os.Stderr, err)
		os.Exit(1)
	}
}

// report prints an error; one that joins several has a line for each.
func report(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(w, "tributary: "+strings.TrimRight(line, "\n"))
	}
}
