package config

import (
	"net/netip"
	"time"
)

// Config is everything that can be said.
type Config struct {
	Data        string         `yaml:"data" default:"./data" flag:"data" doc:"Folder for everything that is kept: state database, embedded log, sockets. Made with mode 0700 if it is missing; relative to the working directory."`
	Listen      string         `yaml:"listen" default:"127.0.0.1:8080" flag:"listen" doc:"Address of the public listener, host:port. Without https.acme or https.cert_file it speaks plain HTTP: put a reverse proxy before it."`
	DebugListen string         `yaml:"debug_listen" default:"127.0.0.1:8081" flag:"debug-listen" doc:"Address of the second listener: /healthz, /readyz, /metrics, /debug/pprof. Keep it from the public."`
	URL         string         `yaml:"url" flag:"url" doc:"Public base URL of this server, for example https://relay.example. Every id that other servers store begins with it: never change it. Empty: http://LISTEN, which only this machine can reach."`
	Dev         bool           `yaml:"dev" default:"false" flag:"dev" doc:"Development on one machine: allows http, private addresses, and reading streams without a token. Refused when other machines could reach the server."`
	Title       string         `yaml:"title" default:"Tributary relay" doc:"Name of this relay, shown to people and in other servers' admin pages."`
	Description string         `yaml:"description" doc:"One plain sentence about this relay. Empty: a general one."`
	Contact     string         `yaml:"contact" doc:"How other admins reach the operator: an e-mail address or a URL. Public. Empty: none is shown."`
	Proxies     []netip.Prefix `yaml:"trusted_proxies" doc:"Addresses or networks (CIDR) of reverse proxies whose X-Forwarded-For is believed. Empty: nobody's."`

	Roles []string `yaml:"roles" default:"inbox,fetch,state,delivery,stream,index,api" each:"inbox,fetch,state,delivery,stream,index,api" flag:"roles" doc:"What this node does. inbox: answers other servers. fetch: gets what posts refer to. state: takes its turn in bringing the log to the state database, which some node must. delivery: sends to subscribers. stream: serves live streams. index: fills the index. api: answers from it. Several nodes share one Kafka, one PostgreSQL, one ClickHouse and one url; what embedded servers are for has all roles."`
	Node  string   `yaml:"node" doc:"Name of this node among several: letters, digits, . _ and -. Two that run must not have the same. Empty: one made at the first start, kept in the data folder."`

	HTTPS      HTTPS      `yaml:"https" doc:"TLS of the public listener, where no reverse proxy stands before it."`
	Kafka      Kafka      `yaml:"kafka" doc:"The log that all posts go through."`
	ClickHouse ClickHouse `yaml:"clickhouse" doc:"The index: timelines, search, trends, SQL."`
	Database   Database   `yaml:"database" doc:"The state database: subscribers, keys, tokens, positions."`
	Relay      Relay      `yaml:"relay" doc:"Who may subscribe."`
	Delivery   Delivery   `yaml:"delivery" doc:"Sending posts to the servers that subscribed."`
	Stream     Stream     `yaml:"stream" doc:"Live streams."`
	Log        Log        `yaml:"log" doc:"The program's own messages, on standard error."`
}

// HTTPS is TLS of the public listener.
type HTTPS struct {
	ACME           bool   `yaml:"acme" default:"false" doc:"Take a certificate for the host of url, and renew it, from an ACME authority, whose terms you accept by this. The authority connects to port 443 of the host, so listen is :443, or what is forwarded there."`
	Email          string `yaml:"email" doc:"Where the authority writes when something is wrong. Empty: nowhere."`
	Directory      string `yaml:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" doc:"The authority's directory."`
	CAFile         string `yaml:"ca_file" doc:"PEM file of who signed the authority's own certificate. Empty: those of the system."`
	CertFile       string `yaml:"cert_file" doc:"Instead of acme: PEM file of the certificate with those that signed it. A new one is taken up within a minute."`
	KeyFile        string `yaml:"key_file" doc:"PEM file of its private key."`
	RedirectListen string `yaml:"redirect_listen" doc:"Address that answers plain HTTP by leading to url, usually :80; the authority may ask there too. Empty: none."`
}

// Kafka says where the log is.
type Kafka struct {
	Brokers        []string      `yaml:"brokers" default:"embedded" doc:"embedded: a broker started by this program, in the data folder. Otherwise addresses of a Kafka, host:port."`
	Topic          string        `yaml:"topic" default:"posts" doc:"Topic of the log; it has exactly one partition and is made if it is missing. The embedded broker has only posts."`
	RetentionAge   time.Duration `yaml:"retention_age" default:"7d" doc:"How long the embedded broker keeps posts as they were received, and how far back a subscriber or a reader can resume. Units ms, s, m, h, d. 0: no limit in time. A Kafka has its own setting."`
	RetentionBytes Bytes         `yaml:"retention_bytes" default:"256MiB" min:"4194304" doc:"Disk that the embedded broker's log takes, whichever of the two limits is met first. All of it is read at a start: a second or two for a GiB. Units KiB, MiB, GiB."`
	HoldBytes      Bytes         `yaml:"hold_bytes" default:"0" doc:"Disk that the embedded broker's log may take while the index has not read it, with retention_age as the limit in time; what expires then is recorded as a gap of the index. 0: four times retention_bytes; no more than retention_bytes: nothing waits for the index. With clickhouse.url off nothing does. The retention of a Kafka is left as it is."`
	TLS            TLS           `yaml:"tls" doc:"TLS to a Kafka."`
	SASL           SASL          `yaml:"sasl" doc:"How to sign in to a Kafka."`
}

// TLS to a Kafka.
type TLS struct {
	Enabled  bool   `yaml:"enabled" default:"false" doc:"Use TLS."`
	CAFile   string `yaml:"ca_file" doc:"PEM file of the authorities to believe. Empty: those of the system."`
	CertFile string `yaml:"cert_file" doc:"PEM file of this client's certificate. Empty: none."`
	KeyFile  string `yaml:"key_file" doc:"PEM file of its private key."`
}

// SASL is how to sign in to a Kafka.
type SASL struct {
	Mechanism string `yaml:"mechanism" oneof:",plain,scram-sha-256,scram-sha-512" doc:"plain, scram-sha-256 or scram-sha-512, or empty: do not sign in. plain sends the password as it is: use it with TLS."`
	Username  string `yaml:"username" doc:"Name to sign in with."`
	Password  string `yaml:"password" secret:"true" doc:"Password to sign in with. Better in TRIBUTARY_KAFKA_SASL_PASSWORD than in this file."`
}

// ClickHouse says where the index is.
type ClickHouse struct {
	URL    string `yaml:"url" default:"embedded" secret:"url" doc:"embedded: an engine started by this program, in the data folder; without its library the relay and the streams run alone. off: no index. Otherwise a ClickHouse 26.2 or newer: http://user:password@host:8123/database, https:// (port 8443), or clickhouse:// for its native protocol (port 9000; ?secure=true for TLS). With a password better in TRIBUTARY_CLICKHOUSE_URL than in this file."`
	Memory Bytes  `yaml:"memory" default:"0" doc:"Memory that the embedded engine may allocate, beyond some 200 MiB of its own. 0: 700 MB. Units KiB, MiB, GiB. Besides, this program keeps the newest posts in an eighth as much, to find them without the engine, and records in a twentieth."`
}

// Embedded says that the index is the program's own engine.
func (c ClickHouse) Embedded() bool { return c.URL == embedded }

// Off says that there is no index.
func (c ClickHouse) Off() bool { return c.URL == "off" }

// Database says where the state database is.
type Database struct {
	URL string `yaml:"url" secret:"url" doc:"sqlite:PATH, or postgres://user:password@host/name for PostgreSQL 14 or newer, with the parameters of its URLs, such as ?sslmode=verify-full. With a password better in TRIBUTARY_DATABASE_URL than in this file. Empty: sqlite, state.db in the data folder."`
}

// Relay says who may subscribe.
type Relay struct {
	Mode           string `yaml:"mode" default:"open" oneof:"open,approval,allow-list" doc:"open: every server that is not blocked. approval: those that the operator approves (tributary admin subscribers approve), and allowed domains at once. allow-list: allowed domains only (tributary admin allow)."`
	PostsPerMinute int    `yaml:"posts_per_minute" default:"0" doc:"Posts, edits and boosts that one server may give in a minute. One that gives more is left out for ten minutes, with 429, which tributary admin quarantine shows; deletions are always taken. 0: no limit. Single servers: tributary admin limit."`
	BodyMax        Bytes  `yaml:"body_max" default:"256KiB" min:"4096" doc:"Bytes that one activity may have, from 4KiB to 256KiB; larger ones get 413. Deletions may always have 256KiB. Single servers: tributary admin limit."`
}

// Delivery to the servers that subscribed.
type Delivery struct {
	Window           int           `yaml:"window" default:"8" min:"1" doc:"Requests in flight to one server."`
	Timeout          time.Duration `yaml:"timeout" default:"10s" min:"1000000000" doc:"How long a server may take to answer one."`
	MaxAge           time.Duration `yaml:"max_age" default:"0s" doc:"Posts that are older are skipped when a server comes back after a downtime; edits and deletions never are. 0: none is skipped."`
	StaleAfter       time.Duration `yaml:"stale_after" default:"7d" doc:"A server that has taken nothing for this long, of the time in which it was asked, is reported as stale, and tried on every ten minutes; one whose inbox is gone (404, 410) after a day. Units m, h, d. 0: never."`
	PauseAfter       time.Duration `yaml:"pause_after" default:"30d" doc:"A server that has taken nothing for this long is asked no more, until it sends something itself or is resumed. Its subscription and its position are kept. 0: never."`
	CatchUpPerSecond int           `yaml:"catch_up_per_second" default:"100" min:"1" doc:"Old posts a second to one server that comes back."`
	SharedSignatures string        `yaml:"shared_signatures" default:"auto" oneof:"auto,off" doc:"auto: servers whose software takes it (Mastodon, GoToSocial, Fedify) get a signature that does not name them, made once for all with the same inbox path; others, and any that refuses it, one of their own. off: each delivery has its own, a millisecond of one processor."`
	Signers          int           `yaml:"signers" default:"0" doc:"RSA signatures made at once; each takes about a millisecond of one processor, with libcrypto less than half. 0: as many as there are processors."`
	Libcrypto        string        `yaml:"libcrypto" default:"auto" doc:"auto: signatures are made by OpenSSL's libcrypto.so.3 of the system, in less than half of the time, in a process of its own, tributary-signer beside this program; without either, or while it fails, in Go. off: in Go. Otherwise the path of a libcrypto of OpenSSL 3."`
}

// NoLibcrypto says that signatures are made in Go.
func (d Delivery) NoLibcrypto() bool { return d.Libcrypto == "off" }

// LibcryptoPath is the library that was named; empty: the system's.
func (d Delivery) LibcryptoPath() string {
	if d.Libcrypto == "auto" {
		return ""
	}
	return d.Libcrypto
}

// Stream is about live streams.
type Stream struct {
	MaxClients int           `yaml:"max_clients" default:"5000" min:"1" doc:"Open connections; one more gets 503. Each costs about 20 KiB."`
	MaxPerIP   int           `yaml:"max_per_ip" default:"0" doc:"Open connections of one address (IPv6: of one /64); one more gets 429. Behind a proxy it needs trusted_proxies. 0: no limit."`
	Heartbeat  time.Duration `yaml:"heartbeat" default:"15s" min:"1000000000" doc:"A stream without posts for this long tells its position."`
}

// Log is the program's own messages.
type Log struct {
	Level  string `yaml:"level" default:"info" oneof:"debug,info,warn,error" doc:"debug, info, warn or error: this and what is worse is written."`
	Format string `yaml:"format" default:"text" oneof:"text,json" doc:"text or json."`
}

// Embedded says that the log is the program's own broker.
func (k Kafka) Embedded() bool { return len(k.Brokers) == 1 && k.Brokers[0] == embedded }

const embedded = "embedded"
