package signature

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

const (
	maxPEMBytes = 16 << 10 // an RSA-8192 key takes 1.5 KB

	minRSABits = 1024 // old Pleroma and Friendica actors
	maxRSABits = 8192 // verifying costs 16 times a 2048-bit key's 25 µs

	// ownRSABits: a 4096-bit key signs seven times slower and no server asks for it.
	ownRSABits = 2048
)

// ParsePublicKey reads a publicKeyPem as actors publish it: SPKI
// ("BEGIN PUBLIC KEY"), or PKCS#1 ("BEGIN RSA PUBLIC KEY", as Activity-Relay
// does). It returns an *rsa.PublicKey of 1024 to 8192 bits or an
// ed25519.PublicKey, or an error that is ErrKey.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	if len(text) > maxPEMBytes {
		return nil, fmt.Errorf("%w: PEM of %d bytes", ErrKey, len(text))
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("%w: not PEM", ErrKey)
	}
	key, err := parsePublicDER(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKey, block.Type, err)
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return nil, fmt.Errorf("%w: RSA key of %d bits", ErrKey, n)
		}
		return k, nil
	case ed25519.PublicKey:
		return k, nil
	}
	return nil, fmt.Errorf("%w: key of type %T", ErrKey, key)
}

func parsePublicDER(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return nil, fmt.Errorf("unknown block")
}

// GenerateKey makes a key for one of our own actors, RSA with 2048 bits.
func GenerateKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, ownRSABits)
	if err != nil {
		return nil, fmt.Errorf("signature: generating a key: %w", err)
	}
	return key, nil
}

// MarshalPrivate writes a private key as PKCS#8 PEM, for the state database.
func MarshalPrivate(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("signature: BUG: an RSA key cannot be marshalled: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// ParsePrivate reads what MarshalPrivate wrote.
func ParsePrivate(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%w: not a PKCS#8 private key in PEM", ErrKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", ErrKey, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: private key of type %T", ErrKey, key)
	}
	return rsaKey, nil
}

// MarshalPublic writes a publicKeyPem as SPKI, the only form that every server
// reads.
func MarshalPublic(key *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic("signature: BUG: an RSA key cannot be marshalled: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
