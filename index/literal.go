package index

import (
	"strconv"
	"strings"
)

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// literal writes s as a string literal of ClickHouse SQL. Strangers' words get
// into statements only through it.
func literal(s string) string { return "'" + escapes.Replace(s) + "'" }

// literals writes an array of string literals.
func literals(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = literal(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// number writes an unsigned number; beyond 32 bits a plain literal would do as well, but this
// tells its type.
func number(n uint64) string { return "toUInt64(" + strconv.FormatUint(n, 10) + ")" }

// numbers writes an array of unsigned numbers.
func numbers(all []uint64) string { return "arrayMap(x -> toUInt64(x), [" + list(all) + "])" }

// list writes numbers with commas between.
func list(all []uint64) string {
	var b []byte
	for i, n := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return string(b)
}
