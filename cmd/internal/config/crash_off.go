//go:build !crashpoint

package config

// crashVariable is unknown to a normal build.
const crashVariable = ""
