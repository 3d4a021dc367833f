package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Credentials are a name and a password, kept as their hash.
type Credentials struct{ hash [sha256.Size]byte }

// credentialsMax bounds the file that holds them.
const credentialsMax = 1 << 10

// NewCredentials are those of a name and its password.
func NewCredentials(user, password string) *Credentials { return &Credentials{hashOf(user, password)} }

// hashOf makes both of one length, so that comparing them tells nothing about either.
func hashOf(user, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(fmt.Sprintf("%d:%s:%s", len(user), user, password)))
}

// readCredentials reads USER:PASSWORD and closes the file.
func readCredentials(f *os.File) (*Credentials, error) {
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, credentialsMax+1))
	if err != nil {
		return nil, fmt.Errorf("engine: reading the credentials: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimRight(string(b), "\r\n"), ":")
	if !ok || user == "" || password == "" || len(b) > credentialsMax {
		return nil, errors.New("engine: the file of credentials must hold USER:PASSWORD and no more")
	}
	return NewCredentials(user, password), nil
}

// given says that a request brings them, in one of the ways of ClickHouse's HTTP interface.
func (c *Credentials) given(r *http.Request) bool {
	if c == nil {
		return true
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	if values := r.URL.Query(); user == "" {
		user, password = values.Get("user"), values.Get("password")
	}
	hash := hashOf(user, password)
	return subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 1
}
