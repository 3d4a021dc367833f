package statetest

import "syscall"

// endWithUs makes the kernel end the server when this process dies without Close.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
