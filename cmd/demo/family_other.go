//go:build !linux

package main

import "syscall"

// family keeps the terminal's signals from the relay, as this process decides when it ends.
func family() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
