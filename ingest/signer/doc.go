// Package signer makes RSA signatures in a child process that loads OpenSSL's libcrypto, which takes less than
// half of the time that crypto/rsa takes for the same bytes.
//
// The child is `tributary signer`, which gives up its rights and becomes bin/tributary-signer; see
// ingest/child. The main program loads no library: it stays static. Nothing depends on the child: while
// there is none that answers, [Client.Sign] says so at once, and who asked signs in Go (signature.Remote).
//
// # From start to the first signature
//
// Start looks whether the program is beside ours and whether it can load the library, which is one error that says why
// if not (ErrNotInstalled), and has ingest/child run `tributary signer`. Each life of the child has a
// socket to us, which has no name that anybody could connect to. Over it goes the key, once. Then the
// child is asked for one signature that is compared with Go's, and is used from there on.
//
// # Invariants
//
//   - The key is in no argument, no environment and no file. The child's environment is empty. With Landlock it
//     reads system libraries and the folder of a library that was named, writes nothing, executes nothing and
//     connects to nothing.
//   - An answer comes within Patience or not at all: a child that does not give one is ended, all that was asked of
//     it is made in Go, and the next child is started. So is one whose answers are not what was asked for.
//   - Every answer bears the number of its question and the length that the key demands. Its content is verified for
//     the first answer of a child and one in verifyEvery: verifying each would cost almost a tenth of a signature, and OpenSSL compares each with the
//     digest before it gives it out, so that a fault of the processor betrays no key.
//   - At most as many RSA operations run in the child as there are workers, each with the key read anew: they share
//     no lock.
//   - The child ends when its end of the socket, or of its standard input, is at its end.
//
// # Protocol
//
// Messages on a socket that keeps them apart; numbers are big-endian. To the child first "TSG1", the number of workers
// (1 byte), the key (PKCS #8, DER); then for each signature its number (4 bytes) and the SHA-256 digest (32 bytes). From
// the child, in any order and up to batch of them in a message: the number and the signature, as long as the key's
// modulus. A child that fails in any way ends.
//
// A worker takes what waits, up to batch, and answers it together: a message costs a microsecond, and to wake a
// thread of the other side, on a machine that signs all the time, twenty.
//
// # Files
//
//	options.go  Options
//	start.go    Start: for the daemon
//	find.go     where the program is, and whether it works
//	client.go   Client: Sign, Talk;  line.go  the talk with one child
//	frame.go    what goes over the socket
//	run.go      Run: the main of `tributary signer`
//	serve.go    Serve: the child's part of the talk
//
// Package libcrypto calls the library.
package signer
