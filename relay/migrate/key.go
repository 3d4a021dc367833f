package migrate

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// What a key may have. Less is refused by the servers that verify; more would cost a
// relay all its time.
const (
	keyBitsMin = 2048
	keyBitsMax = 4096
)

// ParseKey reads a relay's private key: RSA in PEM, PKCS#1 or PKCS#8, alone or among
// other blocks.
func ParseKey(text string) (*rsa.PrivateKey, error) {
	seen := ""
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, noKey(seen)
		}
		seen = block.Type
		var key any
		var err error
		switch block.Type {
		case "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, noKey("ENCRYPTED PRIVATE KEY")
			}
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("migrate: %w: %w", ErrKey, err)
		}
		return usable(key)
	}
}

func usable(key any) (*rsa.PrivateKey, error) {
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("migrate: %w: it is a %T, and relays have RSA keys", ErrKey, key)
	}
	if bits := k.N.BitLen(); bits < keyBitsMin || bits > keyBitsMax {
		return nil, fmt.Errorf("migrate: %w: it has %d bits, not %d to %d", ErrKey, bits, keyBitsMin, keyBitsMax)
	}
	return k, nil
}

// noKey says what was found instead.
func noKey(seen string) error {
	switch seen {
	case "":
		return fmt.Errorf("migrate: %w: there is no PEM (-----BEGIN …) in it", ErrKey)
	case "ENCRYPTED PRIVATE KEY":
		return fmt.Errorf("migrate: %w: it is encrypted; openssl pkey -in FILE -out PLAIN takes the password off", ErrKey)
	}
	return fmt.Errorf("migrate: %w: it holds a %s", ErrKey, seen)
}
