//go:build crashpoint

package config

// crashVariable is read by ingest/crashpoint.
const crashVariable = envPrefix + "CRASH"
