// Package server is the process of the embedded ClickHouse: ClickHouse's HTTP
// interface over package chdb, on a unix socket, for clickhouse-go and curl.
//
// It authenticates nobody (the socket is 0600 and its user's own) and knows
// nothing of posts. It runs in bin/tributary-engine only.
//
// # Invariants
//
//   - One statement a request: what classifies as more is refused before it runs.
//   - Rows of an INSERT go through the streaming API, never inside the statement's
//     text, where a blank line would end the data and run the rest as SQL.
//   - A request has a session of its own: settings do not leak into the next one.
//   - A client that goes away ends its statement.
//   - An acknowledged INSERT survives SIGKILL.
package server
