package signer

import (
	"crypto/rsa"
	"log/slog"
)

// Options say what signs, and with what.
type Options struct {
	// Library is the path of libcrypto. Empty: the system's.
	Library string
	// Binary is the path of tributary-signer. Empty: beside our own binary.
	Binary string
	// Key signs. Required by Start.
	Key *rsa.PrivateKey
	// Workers is how many signatures are made at once. Required by Start.
	Workers int
	// Log gets what happens. Required.
	Log *slog.Logger
}

// args are those of `tributary signer`.
func (o Options) args() []string {
	args := []string{"signer"}
	if o.Library != "" {
		args = append(args, "--library", o.Library)
	}
	if o.Binary != "" {
		args = append(args, "--binary", o.Binary)
	}
	return args
}
