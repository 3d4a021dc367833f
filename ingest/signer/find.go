package signer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotInstalled says that there is no program that signs, or no library that it can load.
var ErrNotInstalled = errors.New("signer: libcrypto cannot be used")

// checkTime is how long loading the library may take.
const checkTime = 5 * time.Second

// find returns the absolute path of tributary-signer: the one that is named, or the one beside our own binary.
func find(binary string) (string, error) {
	if binary == "" {
		self, err := os.Executable()
		if err == nil {
			self, err = filepath.EvalSymlinks(self)
		}
		if err != nil {
			return "", fmt.Errorf("signer: finding our own binary: %w", err)
		}
		binary = filepath.Join(filepath.Dir(self), "tributary-signer")
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", fmt.Errorf("signer: finding tributary-signer: %w", err)
	}
	if info, err := os.Stat(binary); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: there is no file %s: build it with `make build`", ErrNotInstalled, binary)
	}
	return binary, nil
}

// check has the program load the library and say its version.
func check(ctx context.Context, binary, library string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "check", "--library", library)
	cmd.Env = []string{}
	var said, why bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &why
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(why.String()); text != "" {
			return "", fmt.Errorf("%w: %.500s", ErrNotInstalled, text)
		}
		return "", fmt.Errorf("%w: %s does not run: %w", ErrNotInstalled, binary, err)
	}
	return strings.TrimSpace(said.String()), nil
}
