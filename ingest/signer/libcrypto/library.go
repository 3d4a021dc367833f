package libcrypto

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// pointer is memory of the library, or of ours for the time of a call.
type pointer = unsafe.Pointer

// Library is a loaded libcrypto: what we use of it, as its headers (3.0) declare it. int is int32, size_t uintptr.
type Library struct {
	name string

	initialise  func(options uint64, settings pointer) int32
	versionText func(which int32) string

	readKey  func(key, at pointer, length int) pointer // EVP_PKEY *
	keySize  func(key pointer) int32
	freeKey  func(key pointer)
	sha256   func() pointer // const EVP_MD *
	newCtx   func(key, engine pointer) pointer
	signInit func(ctx pointer) int32
	padding  func(ctx pointer, mode int32) int32
	digest   func(ctx, md pointer) int32
	sign     func(ctx, signature, length, digest pointer, n uintptr) int32
	freeCtx  func(ctx pointer)

	lastError  func() uint64
	errorText  func(code uint64, text pointer, n uintptr)
	clearError func()
}

func (l *Library) symbols() map[string]any {
	return map[string]any{
		"OPENSSL_init_crypto":           &l.initialise,
		"OpenSSL_version":               &l.versionText,
		"d2i_AutoPrivateKey":            &l.readKey,
		"EVP_PKEY_get_size":             &l.keySize, // since 3.0
		"EVP_PKEY_free":                 &l.freeKey,
		"EVP_sha256":                    &l.sha256,
		"EVP_PKEY_CTX_new":              &l.newCtx,
		"EVP_PKEY_sign_init":            &l.signInit,
		"EVP_PKEY_CTX_set_rsa_padding":  &l.padding,
		"EVP_PKEY_CTX_set_signature_md": &l.digest,
		"EVP_PKEY_sign":                 &l.sign,
		"EVP_PKEY_CTX_free":             &l.freeCtx,
		"ERR_peek_last_error":           &l.lastError,
		"ERR_error_string_n":            &l.errorText,
		"ERR_clear_error":               &l.clearError,
	}
}

// ErrLibrary says that there is no library that can be used.
var ErrLibrary = errors.New("libcrypto: no library")

// names are those of OpenSSL 3 by system; the loader knows in which folders. macOS has no OpenSSL of its own: these are
// Homebrew's.
var names = map[string][]string{
	"darwin": {"libcrypto.3.dylib", "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib", "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib"},
}

const soname = "libcrypto.so.3"

// Load loads the library at a path, or without one the system's.
func Load(path string) (*Library, error) {
	candidates := []string{path}
	if path == "" {
		if candidates = names[runtime.GOOS]; candidates == nil {
			candidates = []string{soname}
		}
	}
	var failed []error
	for _, name := range candidates {
		l, err := load(name)
		if err == nil {
			return l, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// Of OPENSSL_init_crypto and OpenSSL_version.
const (
	noConfiguration = 0x80
	versionOnly     = 0
)

func load(name string) (*Library, error) {
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	l := &Library{name: name}
	for symbol, f := range l.symbols() {
		address, err := purego.Dlsym(handle, symbol)
		if err != nil {
			return nil, fmt.Errorf("%w: %s has no %s: it is not OpenSSL 3", ErrLibrary, name, symbol)
		}
		purego.RegisterFunc(f, address)
	}
	if l.initialise(noConfiguration, nil) != 1 {
		return nil, fmt.Errorf("%w: %s does not start", ErrLibrary, name)
	}
	return l, nil
}

// Version is what the library says that it is, as "OpenSSL 3.0.19 27 Jan 2026".
func (l *Library) Version() string { return l.versionText(versionOnly) }

// failure is an error of the library, of which this thread has the reason.
func (l *Library) failure(what string) error {
	defer l.clearError()
	code := l.lastError()
	if code == 0 {
		return fmt.Errorf("libcrypto: %s failed", what)
	}
	text := make([]byte, 256)
	l.errorText(code, pointer(unsafe.SliceData(text)), uintptr(len(text)))
	return fmt.Errorf("libcrypto: %s: %s", what, cString(text))
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
