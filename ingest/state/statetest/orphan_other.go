//go:build !linux

package statetest

import "syscall"

// endWithUs does nothing: only Linux can.
func endWithUs(*syscall.SysProcAttr) {}
