package index

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The least version of ClickHouse whose text indexes need no setting; see migrations/0001_posts.sql and
// https://clickhouse.com/docs/engines/table-engines/mergetree-family/textindexes.
const (
	leastMajor = 26
	leastMinor = 2
)

// serverDial bounds connecting to a server by address, and waiting for one of the connections to it.
const serverDial = 10 * time.Second

// serverConns are the connections to a server by address.
const serverConns = 32

// ports of ClickHouse, with TLS and without.
var ports = map[string]struct{ plain, secure string }{
	"http": {"8123", "8443"}, "https": {"8123", "8443"}, "clickhouse": {"9000", "9440"},
}

// parameters of an address. All others are settings of the server to the driver, which a user's profile
// is the place for: a misspelt one would be found out with the first statement, or never.
var parameters = []string{"compress", "dial_timeout", "secure", "skip_verify", "tls_server_name"}

var databaseForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ParseURL says how the ClickHouse at an address is reached. It connects to nothing.
//
//	http://user:password@host:8123/database   HTTP; https:// with TLS, port 8443
//	clickhouse://user:password@host:9000/db   the native protocol; ?secure=true with TLS, port 9440
//
// Parameters: secure, skip_verify (believe any certificate), tls_server_name, dial_timeout=5s,
// compress=lz4 (zstd, gzip with HTTP). Several hosts are separated by commas. Without a name of a
// database it is "tributary". No error holds a part of the address, where a password might be.
func ParseURL(text string) (*clickhouse.Options, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a URL: in a name or password, write @ : / ? # %% as %%40 %%3A %%2F %%3F %%23 %%25", ErrURL)
	}
	port, ok := ports[u.Scheme]
	if !ok || u.Hostname() == "" {
		return nil, fmt.Errorf("%w: it must be like http://user:password@host:8123/database, https:// or clickhouse://", ErrURL)
	}
	if name := strings.TrimPrefix(u.Path, "/"); name != "" && !databaseForm.MatchString(name) {
		return nil, fmt.Errorf("%w: its path must be the name of a database, of letters, digits and _", ErrURL)
	}
	query, err := parseParameters(u)
	if err != nil {
		return nil, err
	}
	defaultPort := port.plain
	if query.Has("secure") {
		defaultPort = port.secure
	}
	hosts := strings.Split(u.Host, ",")
	for i, host := range hosts {
		if hosts[i], err = withPort(host, defaultPort); err != nil {
			return nil, err
		}
	}
	u.Host, u.RawQuery = strings.Join(hosts, ","), query.Encode()
	o, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		return nil, fmt.Errorf("%w: a parameter has a wrong value: secure and skip_verify are true or false, dial_timeout is like 5s", ErrURL)
	}
	o.MaxOpenConns, o.MaxIdleConns = serverConns, serverConns
	if !query.Has("dial_timeout") {
		o.DialTimeout = serverDial
	}
	if o.TLS != nil {
		o.TLS.MinVersion = tls.VersionTLS12
	}
	return o, nil
}

// parseParameters returns those of an address as the driver wants them: secure only where it is true.
func parseParameters(u *url.URL) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: its parameters do not parse", ErrURL)
	}
	for name := range query {
		if !slices.Contains(parameters, name) {
			return nil, fmt.Errorf("%w: a parameter is not known: there are %s; name and password stand before the host, settings in the user's profile on the server",
				ErrURL, strings.Join(parameters, ", "))
		}
	}
	if slices.Contains([]string{"false", "0"}, query.Get("secure")) {
		query.Del("secure")
		if u.Scheme == "https" {
			return nil, fmt.Errorf("%w: https is secure; without TLS it is http", ErrURL)
		}
	}
	switch {
	case u.Scheme == "https":
		query.Set("secure", "true")
	case u.Scheme == "http" && query.Has("secure"):
		return nil, fmt.Errorf("%w: with TLS it is https", ErrURL)
	}
	if !query.Has("secure") && (query.Has("skip_verify") || query.Has("tls_server_name")) {
		return nil, fmt.Errorf("%w: skip_verify and tls_server_name are about TLS: use https, or clickhouse:// with secure=true", ErrURL)
	}
	return query, nil
}

func withPort(host, port string) (string, error) {
	name, given, err := net.SplitHostPort(host)
	switch {
	case err == nil && name != "" && given != "":
		return host, nil
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return host + ":" + port, nil
	case host != "" && !strings.Contains(host, ":"):
		return net.JoinHostPort(host, port), nil
	}
	return "", fmt.Errorf("%w: each host must be host or host:port", ErrURL)
}

// checkServer refuses a server that the tables cannot be made on.
func checkServer(ctx context.Context, conn driver.Conn) error {
	err := conn.Ping(ctx) // ServerVersion knows no context, and finds the connection made
	var v *driver.ServerVersion
	if err == nil {
		v, err = conn.ServerVersion()
	}
	if err != nil {
		// A server from before 20.x refuses the driver's first words over HTTP.
		if strings.Contains(err.Error(), "Unknown setting client_protocol_version") {
			return fmt.Errorf("%w: it does not know client_protocol_version", ErrOldServer)
		}
		return fmt.Errorf("index: connect: %w", unavailable(err))
	}
	if v.Version.Major < leastMajor || v.Version.Major == leastMajor && v.Version.Minor < leastMinor {
		return fmt.Errorf("%w: it is ClickHouse %d.%d.%d", ErrOldServer, v.Version.Major, v.Version.Minor, v.Version.Patch)
	}
	return nil
}

// createDatabase makes the database unless it is there, and returns options that name it. A user who
// may do everything in a database that somebody else has made needs no right to make one.
func createDatabase(ctx context.Context, given *clickhouse.Options) (*clickhouse.Options, error) {
	named, bare := *given, *given
	if named.Auth.Database == "" {
		named.Auth.Database = defaultDatabase
	}
	bare.Auth.Database = ""
	defer closeIdle(&bare)()
	conn, err := clickhouse.Open(&bare)
	if err != nil {
		return nil, fmt.Errorf("index: open: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing is left on it
	if err := checkServer(ctx, conn); err != nil {
		return nil, err
	}
	var found uint64
	err = conn.QueryRow(ctx, `SELECT count() FROM system.databases WHERE name = `+literal(named.Auth.Database)).Scan(&found)
	if err == nil && found == 0 {
		err = conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+named.Auth.Database+"`")
	}
	if err != nil {
		return nil, fmt.Errorf("index: create database: %w", err)
	}
	return &named, nil
}

// closeIdle makes the driver tell its transports, and returns what closes their connections: it forgets
// one, open, whose server answers and refuses us, and whoever tries again would leave many behind.
func closeIdle(o *clickhouse.Options) func() {
	var (
		mu   sync.Mutex
		made []*http.Transport
	)
	o.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
		mu.Lock()
		defer mu.Unlock()
		made = append(made, t)
		return t, nil
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for _, t := range made {
			t.CloseIdleConnections()
		}
	}
}
