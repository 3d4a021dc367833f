// Command tributary-engine is the process of the embedded ClickHouse. `tributary engine` becomes it, after it has opened
// the socket and given up its rights: by hand, start that.
//
// It is a program of its own because it loads a library, for which it must be linked dynamically; tributary itself is
// static.
package main

import (
	"log/slog"
	"os"

	"tributary/index/engine/server"
	"tributary/ingest/child"
)

func main() {
	log := child.Logger(slog.LevelInfo)
	if err := server.Main(os.Args[1:], log); err != nil {
		log.Error("engine ended", "err", err)
		os.Exit(1)
	}
}
