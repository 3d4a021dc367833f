package libcrypto

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Key makes signatures.
type Key struct {
	lib  *Library
	key  pointer // EVP_PKEY *
	ctx  pointer // EVP_PKEY_CTX *
	size int
}

const pkcs1 = 1 // RSA_PKCS1_PADDING

// Key reads a private key in DER, of PKCS#8 or PKCS#1.
func (l *Library) Key(der []byte) (*Key, error) {
	if len(der) == 0 {
		return nil, errors.New("libcrypto: no key")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pins runtime.Pinner
	defer pins.Unpin()
	at := unsafe.SliceData(der)
	pins.Pin(at)
	k := &Key{lib: l, key: l.readKey(nil, pointer(&at), len(der))}
	if k.key == nil {
		return nil, l.failure("reading the key")
	}
	if err := k.prepare(); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Key) prepare() error {
	l := k.lib
	k.size = int(l.keySize(k.key))
	if k.ctx = l.newCtx(k.key, nil); k.ctx == nil {
		return l.failure("preparing the key")
	}
	for _, step := range []struct {
		what string
		do   func() int32
	}{
		{"preparing to sign", func() int32 { return l.signInit(k.ctx) }},
		{"asking for PKCS #1 (is it an RSA key?)", func() int32 { return l.padding(k.ctx, pkcs1) }},
		{"asking for SHA-256", func() int32 { return l.digest(k.ctx, l.sha256()) }},
	} {
		if step.do() != 1 {
			return l.failure(step.what)
		}
	}
	return nil
}

// Size is how long a signature is, in bytes.
func (k *Key) Size() int { return k.size }

// Sign writes the signature of a SHA-256 digest (RSA, PKCS#1 v1.5), which is Size bytes long.
func (k *Key) Sign(digest, signature []byte) error {
	if len(digest) != sha256.Size || len(signature) != k.size {
		return fmt.Errorf("libcrypto: a digest of %d bytes, for a signature of %d", len(digest), len(signature))
	}
	runtime.LockOSThread() // where the library leaves its errors
	defer runtime.UnlockOSThread()
	n := uintptr(len(signature))
	if k.lib.sign(k.ctx, pointer(unsafe.SliceData(signature)), pointer(&n), pointer(unsafe.SliceData(digest)), uintptr(len(digest))) != 1 {
		return k.lib.failure("signing")
	}
	if int(n) != k.size {
		return fmt.Errorf("libcrypto: a signature of %d bytes", n)
	}
	return nil
}

// Close forgets the key. It may be called twice.
func (k *Key) Close() {
	if k.ctx != nil {
		k.lib.freeCtx(k.ctx)
	}
	if k.key != nil {
		k.lib.freeKey(k.key) // overwrites it
	}
	k.ctx, k.key = nil, nil
}
