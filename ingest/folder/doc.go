// Package folder is about what processes of one program share through a folder: the lock
// that says whose it is, and unix sockets by which they reach each other. What is in the
// folder is its owner's affair.
//
// # Invariants
//
//   - The kernel frees a lock when its process ends, however it ends. Nothing has to be
//     cleaned up after SIGKILL.
//   - A path of any length works on Linux, though a socket's address holds some 100 bytes:
//     a data folder may be anywhere, and a socket elsewhere, in a temporary folder, would
//     not be found by other programs and could be cleaned away.
//   - Nobody but the owner of the files can connect, at no moment.
//
// # Files
//
//	lock.go     Lock
//	socket.go   Listen, Dial
//	errors.go   what can be told apart
package folder
