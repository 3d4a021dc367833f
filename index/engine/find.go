package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// libraryName is the same on every system.
const libraryName = "libchdb.so"

// packages are those of npm that hold the library, by platform; see package.json.
var packages = map[string]string{
	"linux/amd64":  "lib-linux-x64-gnu",
	"linux/arm64":  "lib-linux-arm64-gnu",
	"darwin/amd64": "lib-darwin-x64",
	"darwin/arm64": "lib-darwin-arm64",
}

// Find says where the library and the program that loads it are. A path that is not named is looked for beside our own
// binary; the library also in ../lib/tributary, in index/engine of the source tree that holds bin, and in
// /usr/local/lib and /usr/lib.
func Find(library, binary string) (foundLibrary, foundBinary string, err error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", "", fmt.Errorf("engine: finding our own binary: %w", err)
	}
	beside := filepath.Dir(self)
	if foundBinary, err = find(binary, "tributary-engine", []string{beside}, "build it with `make build`, or name it with --binary"); err != nil {
		return "", "", err
	}
	places := []string{beside, filepath.Join(beside, "../lib/tributary")}
	if name, ok := packages[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		places = append(places, filepath.Join(beside, "../index/engine/node_modules/@chdb", name))
	}
	places = append(places, "/usr/local/lib", "/usr/lib")
	foundLibrary, err = find(library, libraryName, places, "install it with `make engine-lib`, or name it with --library")
	return foundLibrary, foundBinary, err
}

// find returns an absolute path, for the search must not depend on a working directory.
func find(named, name string, places []string, fix string) (string, error) {
	if named != "" {
		name, places = filepath.Base(named), []string{filepath.Dir(named)}
	}
	for _, place := range places {
		path, err := filepath.Abs(filepath.Join(place, name))
		if err != nil {
			return "", fmt.Errorf("engine: finding %s: %w", name, err)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	if named != "" {
		return "", fmt.Errorf("%w: there is no file %s: %s", ErrNotInstalled, named, fix)
	}
	return "", fmt.Errorf("%w: %s is not there: %s", ErrNotInstalled, name, fix)
}
