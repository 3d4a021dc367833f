package signature

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestDecodeMultibase(t *testing.T) {
	for text, want := range map[string]string{ // draft-msporny-base58 §5
		"z2NEpo7TZRRrLZSi2U": hex.EncodeToString([]byte("Hello World!")),
		"zUSm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z": hex.EncodeToString([]byte("The quick brown fox jumps over the lazy dog.")),
		"z11233QC4": "0000287fb4cd",
		"z1":        "00",
	} {
		got, err := DecodeMultibase(text)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "z", "2NEpo7", "z0", "zO", "zl", "z ", "m2NE", "z" + strings.Repeat("1", maxMultibase)} {
		if _, err := DecodeMultibase(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseMultikey(t *testing.T) {
	const text = "z6MkeeUXVFZTRv9q3RWvN9hcwEFq42nNhcvUu3j5uFfC3ogV"
	if key, err := ParseMultikey(text); err != nil || len(key) != 32 || MarshalMultikey(key) != text {
		t.Errorf("%x, %v", key, err)
	}
	for name, text := range map[string]string{
		"P-256":     "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
		"too short": "z6MkeeUXVFZTRv9q3RWvN9hcwEFq42nNhcvUu3j5uFfC3og",
		"no code":   "z2NEpo7TZRRrLZSi2U",
		"base64":    "mAAAA",
		"nothing":   "",
	} {
		if _, err := ParseMultikey(text); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeMultibase(f *testing.F) {
	f.Add("z2NEpo7TZRRrLZSi2U")
	f.Add("z11")
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := DecodeMultibase(text)
		if err != nil {
			return
		}
		if got := EncodeMultibase(raw); got != text {
			t.Errorf("%q decodes to %x, which is %q", text, raw, got)
		}
	})
}
