// Package landlock takes rights away from this process for good, with Linux's Landlock: files it
// may not open, addresses it may not connect to. A process that is root loses them too.
//
// Restrict works on the calling thread alone, so its caller executes a program next, which has one thread and all its
// later ones in the same domain. Files that are open already stay open.
//
// It takes as much as the kernel knows: files since 5.13, TCP since 6.7, signals and abstract
// sockets since 6.12, UDP and other unix sockets with later ones. What it got is in Domain; a kernel without
// Landlock gives ErrUnsupported and the caller decides.
//
// # Files
//
//	landlock.go         what is allowed, what was taken
//	restrict_linux.go   the system calls
//	restrict_other.go   systems without
package landlock
