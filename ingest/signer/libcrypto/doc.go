// Package libcrypto makes RSA signatures with OpenSSL's libcrypto 3, without cgo.
//
// It is a binding and nothing more, of the functions that one signature takes. Only the child process that
// signs may import it: purego makes a program dynamically linked.
//
// # Invariants
//
//   - No configuration is read (openssl.cnf, engines): what is made depends on the library alone.
//   - What a function of the library says by its result is looked at each time, and the errors that it left with the
//     thread are taken off.
//   - OpenSSL itself compares each signature with the digest before it gives it out, and makes one that was
//     computed wrongly (by a fault of the processor, which could betray the key) again in another way.
//
// A Key is for one goroutine at a time: what its signatures take of locks is then free. The calls block the thread.
//
// # Files
//
//	library.go   finding and loading it, its functions
//	key.go       Key: Sign
package libcrypto
