package server

import (
	"encoding/binary"
	"strings"
)

// helloQuery is how clickhouse-go asks who answers, before anything else.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// customSerialization is the revision from which each column of a block says whether it is serialized in an unusual way
// (DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION).
const customSerialization = 54454

func isHello(q *request, sql string) bool {
	return q.revision > 0 && q.format == "Native" && strings.TrimSpace(sql) == helloQuery
}

// hello answers helloQuery by hand. The library writes blocks of revision 0 only, without the fields that later
// revisions have, while the client decodes those of the revision that it named (client_protocol_version) until it knows
// the server's. So this one block has the client's revision, and says that the server's is 0.
func hello(revision int, name, version string) []byte {
	// BlockInfo: field 1, not an overflow; field 2, no bucket; end of fields
	b := []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}
	b = append(b, 4, 1) // columns, rows
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	column := func(name, kind string) {
		text(name)
		text(kind)
		if revision >= customSerialization {
			b = append(b, 0)
		}
	}
	column("displayName()", "String")
	text(name)
	column("version()", "String")
	text(version)
	column("revision()", "UInt32")
	b = append(b, 0, 0, 0, 0)
	column("timezone()", "String")
	text("UTC")
	return b
}
