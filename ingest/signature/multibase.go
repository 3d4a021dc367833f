package signature

import (
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const (
	base58Letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	maxMultibase  = 128 // characters; a signature takes 89
)

// DecodeMultibase reads bytes in base58btc with its prefix "z", the one form of
// multibase that Multikeys and proofs of eddsa-jcs-2022 have. The error is
// ErrMalformed.
func DecodeMultibase(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "z")
	if !ok || digits == "" || len(text) > maxMultibase {
		return nil, fmt.Errorf("%w: not base58btc", ErrMalformed)
	}
	n, base := new(big.Int), big.NewInt(58)
	for i := range len(digits) {
		v := strings.IndexByte(base58Letters, digits[i])
		if v < 0 {
			return nil, fmt.Errorf("%w: not base58btc", ErrMalformed)
		}
		n.Add(n.Mul(n, base), big.NewInt(int64(v)))
	}
	zeros := len(digits) - len(strings.TrimLeft(digits, "1"))
	return append(make([]byte, zeros), n.Bytes()...), nil
}

// EncodeMultibase is the other way.
func EncodeMultibase(raw []byte) string {
	var digits []byte // the last one first
	n, base, digit := new(big.Int).SetBytes(raw), big.NewInt(58), new(big.Int)
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		digits = append(digits, base58Letters[digit.Int64()])
	}
	for i := 0; i < len(raw) && raw[i] == 0; i++ {
		digits = append(digits, base58Letters[0])
	}
	slices.Reverse(digits)
	return "z" + string(digits)
}

// MarshalMultikey writes what ParseMultikey reads.
func MarshalMultikey(key ed25519.PublicKey) string {
	return EncodeMultibase(append([]byte{0xed, 0x01}, key...))
}

// ParseMultikey reads a publicKeyMultibase (Multikey, FEP-521a) that holds an
// Ed25519 key. The error is ErrKey.
func ParseMultikey(text string) (ed25519.PublicKey, error) {
	raw, err := DecodeMultibase(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	// 0xed as a varint is the code of Ed25519 public keys.
	if len(raw) != 2+ed25519.PublicKeySize || raw[0] != 0xed || raw[1] != 0x01 {
		return nil, fmt.Errorf("%w: not an Ed25519 Multikey", ErrKey)
	}
	return ed25519.PublicKey(raw[2:]), nil
}
