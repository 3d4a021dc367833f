// Package rules holds what the compiler does not check about the whole tree, as tests; it has no
// code of its own. Each rule stands with its reason, which a failing test prints: change the code, or,
// if the reason is gone, the rule.
//
//	imports_test.go   which package may import which
//	egress_test.go    who may connect to other machines
//	layout_test.go    folders, names, package docs
//	sql_test.go       SQL that SQLite and PostgreSQL both understand
//	source_test.go    the tree, parsed
//
// Files are read whatever their build tags.
package rules
