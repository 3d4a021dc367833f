// Package migrate reads what other relays keep, so that a relay can change its
// program and keep its address, its key and its subscribers, none of which has to
// follow again.
//
// # What is read
//
//	Activity-Relay   the JSON of "relay control config export", or the text of redis-cli
//	aoderelay        the JSON of its admin API (connected, blocked, allowed), or the report of "relay --list"
//	ActivityRelay    relay.yaml with its SQLite database or relay.jsonld; the database alone; the JSON that psql makes of a PostgreSQL one
//
// All three have their actor at /actor, its inbox at /inbox and its key at
// /actor#main-key, as we do; so only the key itself must come along. ActivityRelay
// keeps it in its database, Activity-Relay in the file that ACTOR_PEM names, and
// aoderelay in a sled database, which nothing but sled reads: not this package.
//
// [Read] finds out by itself which file is whose. [Plan] makes of them what
// relay.TakeOver writes: it fetches the actors of which a relay keeps too little, and
// says of everything that is left out why.
//
// # What it does not do
//
// It writes nothing and connects to no database server. Settings, names, tokens and
// statistics of the other relay are not taken. Bans of a software are named as left
// out, as there is nothing here that they could become.
//
// # Invariants
//
//   - Files are read up to a bound, their entries too; nothing in them is believed
//     that a Follow would not be: an inbox has its actor's origin.
//   - What a relay kept is in the plan or among the skipped.
//
// # Map
//
//	export.go      Export: what all of them keep
//	read.go        Read: whose file is it
//	yukimochi.go   Activity-Relay
//	aode.go        aoderelay
//	pleroma.go     ActivityRelay: YAML and JSON;  sqlite.go  its database
//	key.go         private keys
//	plan.go        Plan;  complete.go  actors that must be fetched
//	errors.go      sentinels
package migrate
