package main

import "syscall"

// family keeps the terminal's signals from the relay, as this process decides when it
// ends; and ends it should this process be killed.
func family() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
