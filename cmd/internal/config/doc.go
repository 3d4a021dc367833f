// Package config reads what an operator says: one YAML file, TRIBUTARY_* variables and flags. It
// opens nothing and starts nothing; cmd/internal/daemon turns a Config into the running program.
//
// A flag beats a variable, a variable beats the file, the file beats the default, key by key; a
// list is replaced as a whole. With nothing said at all the program runs on this machine.
//
// The structs of config.go are the only place where a key is described: its name in the file
// (yaml), what it means with its unit and the meaning of zero (doc), its default, its flag if it
// has one, its bounds (oneof, min), and that it is a secret. The names of variables, the documented
// file that `tributary config example` prints, the help of flags and the messages come from there.
//
//	file           kafka:               environment   TRIBUTARY_KAFKA_BROKERS=a:9092,b:9092
//	                 brokers: [a:9092]   flag          --listen (few keys have one)
//
// Invariants:
//   - An unknown key, variable or value fails and names the nearest known one; it is never ignored.
//   - Every error says where it was written: file:line, variable or flag.
//   - No secret is printed.
//
// Map:
//
//	config.go     the structs
//	rules.go      what may not be said together; derived defaults
//	field.go      the structs as a list of fields
//	value.go      text to value and back: durations, sizes, lists
//	load.go       Load: the sources in their order, and where each value came from
//	file.go, environ.go, flags.go   the sources
//	nearest.go    the nearest known name
//	example.go    the documented file
//	report.go     what `config check` prints
package config
