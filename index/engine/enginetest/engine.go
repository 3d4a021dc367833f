package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"tributary/index/engine"
	"tributary/ingest/child"
	"tributary/ingest/child/beside"
)

// becomeEngine is the first argument of a process that is to become the engine; the path of
// its library and its address follow. It runs in the server's folder.
const becomeEngine = "become-engine"

// engineMain is what `tributary engine` does.
func engineMain(library, address string) error {
	return engine.Run(context.Background(), engine.Options{
		Dir: "engine", Listen: address, Credentials: "credentials", Library: library, Binary: "tributary-engine", Log: child.Logger(slog.LevelInfo),
	})
}

// startEngine builds the engine's program and has this one become it, on a port.
func startEngine(ctx context.Context, dir string) (*server, error) {
	libraries, err := filepath.Glob("index/engine/node_modules/@chdb/*/libchdb.so")
	if err != nil || len(libraries) == 0 {
		return nil, errors.New("the engine's library is not in index/engine: run it in the repository's top folder, after `make engine-lib`")
	}
	library, err := filepath.Abs(libraries[0])
	if err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./cmd/tributary-engine")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "credentials"), []byte(user+":"+password), 0o600); err != nil {
		return nil, err
	}
	ports, err := beside.Addresses(1)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, becomeEngine, library, ports[0])
	cmd.Dir = dir
	parent, err := cmd.StdinPipe() // closed when we end, however we end: then it ends too
	if err != nil {
		return nil, err
	}
	return launch(ctx, dir, "engine", ports[0], cmd, func() { _ = parent.Close() },
		"TRIBUTARY_TEST_CLICKHOUSE=http://"+user+":"+password+"@"+ports[0])
}
