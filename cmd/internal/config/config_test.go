package config

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, in Input) (Config, Origins) {
	t.Helper()
	c, origins, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return c, origins
}

func TestNothingSaidWorks(t *testing.T) {
	c, origins := load(t, Input{Environ: []string{"HOME=/root", "TRIBUTARYX=1"}})
	if c.URL != "http://127.0.0.1:8080" || c.Database.URL != "sqlite:data/state.db" || !c.Kafka.Embedded() || c.Dev {
		t.Errorf("got %+v", c)
	}
	if c.Kafka.RetentionAge != 7*24*time.Hour || c.Kafka.RetentionBytes != 256<<20 {
		t.Errorf("got %+v", c.Kafka)
	}
	if len(c.Warnings()) != 1 {
		t.Errorf("warnings %q", c.Warnings())
	}
	for path, origin := range origins {
		if origin != "default" {
			t.Errorf("%s is from %s", path, origin)
		}
	}
}

// Every field can be described, has a distinct variable and a default that is valid.
func TestFields(t *testing.T) {
	if len(known().byPath) != len(known().fields) || len(known().byEnv) != len(known().fields) {
		t.Error("two fields share a path or a variable")
	}
	for _, f := range known().fields {
		if !strings.HasSuffix(f.doc, ".") || len(f.doc) < 5 {
			t.Errorf("%s: doc %q", f.path, f.doc)
		}
		if !regexp.MustCompile(`^[a-z_.]+$`).MatchString(f.path) {
			t.Errorf("%s: name", f.path)
		}
		c := Config{}
		if err := f.set(&c, f.presets()); err != nil {
			t.Errorf("%s: default: %v", f.path, err)
		}
		// What is shown can be read again.
		again := Config{}
		if err := f.set(&again, formatValue(f.in(&c))); err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%s: %v, %+v and %+v", f.path, err, c, again)
		}
	}
	for path, s := range known().sections {
		if s.doc == "" {
			t.Errorf("%s: no doc", path)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := writeFile(t, "listen: 127.0.0.1:1\ndebug_listen: 127.0.0.1:2\ndata: f\ntitle: T\nkafka:\n  brokers: [a:1, b:2]\n")
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse([]string{"--listen=127.0.0.1:5", "--dev"}); err != nil {
		t.Fatal(err)
	}
	c, origins := load(t, FromFlags(flags, []string{
		"TRIBUTARY_CONFIG=" + file, "TRIBUTARY_LISTEN=127.0.0.1:3", "TRIBUTARY_DEBUG_LISTEN=127.0.0.1:4",
		"TRIBUTARY_TITLE=", "TRIBUTARY_KAFKA_BROKERS=c:3 , d:4", "TRIBUTARY_TRUSTED_PROXIES=10.1.2.3/8,::1",
	}))
	want := map[string][2]string{
		"listen":          {"127.0.0.1:5", "--listen"},
		"debug_listen":    {"127.0.0.1:4", "TRIBUTARY_DEBUG_LISTEN"},
		"data":            {"f", file + ":3"},
		"title":           {"T", file + ":4"}, // an empty variable says nothing
		"dev":             {"true", "--dev"},
		"kafka.brokers":   {"c:3, d:4", "TRIBUTARY_KAFKA_BROKERS"},
		"trusted_proxies": {"10.0.0.0/8, ::1/128", "TRIBUTARY_TRUSTED_PROXIES"},
		"stream.heartbeat": {
			"15s", "default",
		},
	}
	for path, w := range want {
		if got := known().byPath[path].show(&c); got != w[0] || origins[path] != w[1] {
			t.Errorf("%s: %s from %s, want %v", path, got, origins[path], w)
		}
	}
	if c.Proxies[0] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("proxies %v", c.Proxies)
	}
	if c.URL != "http://127.0.0.1:5" || c.Database.URL != "sqlite:f/state.db" {
		t.Errorf("derived: %s, %s", c.URL, c.Database.URL)
	}
	if explicit, _ := load(t, Input{File: writeFile(t, "data: other\n"), Environ: []string{"TRIBUTARY_CONFIG=" + file}}); explicit.Data != "other" {
		t.Errorf("--config does not beat TRIBUTARY_CONFIG: %s", explicit.Data)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		env   []string
		flags map[string][]string
		want  []string // of the error's lines, in order; FILE is the file's path
	}{
		"unknown key":             {file: "title: x\nlisen: y\n", want: []string{`FILE:2: there is no key "lisen": did you mean listen?`}},
		"unknown key in section":  {file: "kafka:\n  topik: y\n", want: []string{`FILE:2: kafka: there is no key "topik": did you mean kafka.topic?`}},
		"unknown section":         {file: "kafak:\n  topic: y\n", want: []string{`FILE:1: there is no key "kafak": did you mean kafka?`}},
		"key of another section":  {file: "brokers: y\n", want: []string{`FILE:1: there is no key "brokers": did you mean kafka.brokers?`}},
		"all of them":             {file: "a: 1\nb: 2\n", env: []string{"TRIBUTARY_C=1"}, want: []string{"TRIBUTARY_C: ", "FILE:1: ", "FILE:2: "}},
		"unknown variable":        {env: []string{"TRIBUTARY_KAFKA_BROKER=a:1"}, want: []string{"TRIBUTARY_KAFKA_BROKER: there is no such variable: did you mean TRIBUTARY_KAFKA_BROKERS?"}},
		"duplicate key":           {file: "title: x\ntitle: y\n", want: []string{"FILE:2: "}},
		"syntax":                  {file: "title: x\n  y: [\n", want: []string{"FILE:"}},
		"list for a value":        {file: "title: [a, b]\n", want: []string{"FILE:1: title: is one value, not a list"}},
		"section for a value":     {file: "title:\n  a: b\n", want: []string{"FILE:1: title: a plain value is expected here"}},
		"section for a list":      {file: "kafka:\n  brokers: {a: b}\n", want: []string{"FILE:2: kafka.brokers: a plain value or a list of them is expected here"}},
		"value for a section":     {file: "kafka: embedded\n", want: []string{"FILE:1: kafka: keys and values are expected here"}},
		"null in a list":          {file: "kafka:\n  brokers: [~]\n", want: []string{"FILE:2: kafka.brokers: "}},
		"alias":                   {file: "title: &a x\ndescription: *a\n", want: []string{"FILE:1: title: a plain", "FILE:2: description: a plain"}},
		"two documents":           {file: "title: x\n---\ntitle: y\n", want: []string{"FILE:3: a second document"}},
		"a list":                  {file: "- a\n", want: []string{"FILE:1: keys and values are expected here"}},
		"bool":                    {file: "dev: yes\n", want: []string{`FILE:1: dev: "yes" is neither true nor false`}},
		"number":                  {file: "delivery:\n  window: many\n", want: []string{`FILE:2: delivery.window: "many" is not a whole number`}},
		"too small":               {env: []string{"TRIBUTARY_DELIVERY_WINDOW=0"}, want: []string{"TRIBUTARY_DELIVERY_WINDOW: delivery.window: 0 is less than 1"}},
		"negative":                {file: "delivery: {signers: -1}", want: []string{"FILE:1: delivery.signers: -1 is less than 0"}},
		"negative duration":       {file: "kafka: {retention_age: -1h}", want: []string{"FILE:1: kafka.retention_age: -1h is less than 0s"}},
		"duration without a unit": {file: "delivery: {timeout: 10}", want: []string{`FILE:1: delivery.timeout: "10" is not a duration such as`}},
		"too large a body":        {file: "relay: {body_max: 1MiB}", want: []string{"relay.body_max: is 1MiB, and nothing larger than 256KiB is read"}},
		"too small a body":        {file: "relay: {body_max: 1KiB}", want: []string{"relay.body_max: 1KiB is less than 4KiB"}},
		"size":                    {file: "kafka: {retention_bytes: 1KiB}", want: []string{"FILE:1: kafka.retention_bytes: 1KiB is less than 4MiB"}},
		"size unit":               {file: "kafka: {retention_bytes: 1GB}", want: []string{`"1GB" is not a size`}},
		"role":                    {env: []string{"TRIBUTARY_ROLES=inbox,steam"}, want: []string{`TRIBUTARY_ROLES: roles: "steam" is none of inbox, fetch, state, delivery, stream, index, api: did you mean "stream"?`}},
		"no roles":                {file: "roles: []\n", want: []string{`FILE:1: roles: must not be empty`}},
		"split embedded servers":  {env: []string{"TRIBUTARY_ROLES=inbox,index"}, want: []string{`the embedded broker is this node's own`, `set database.url to a server`, `set clickhouse.url to a server`}},
		"node":                    {env: []string{"TRIBUTARY_NODE=a b"}, want: []string{`TRIBUTARY_NODE: node: "a b" is not a name`}},
		"oneof":                   {flags: nil, env: []string{"TRIBUTARY_LOG_LEVEL=warning"}, want: []string{`TRIBUTARY_LOG_LEVEL: log.level: "warning" is none of debug, info, warn, error: did you mean "warn"?`}},
		"network":                 {file: "trusted_proxies: proxy", want: []string{`FILE:1: trusted_proxies: "proxy" is neither an address`}},

		"listen":                   {file: "listen: 8080", want: []string{`FILE:1: listen: "8080" is not host:port`}},
		"port":                     {flags: map[string][]string{"listen": {"127.0.0.1:http"}}, want: []string{`--listen: listen: "127.0.0.1:http" has no port`}},
		"same address":             {env: []string{"TRIBUTARY_DEBUG_LISTEN=127.0.0.1:8080"}, want: []string{"TRIBUTARY_DEBUG_LISTEN: debug_listen: must not be the address"}},
		"no url":                   {env: []string{"TRIBUTARY_LISTEN=:8080"}, want: []string{"url: is needed when listen is :8080"}},
		"no url for any port":      {env: []string{"TRIBUTARY_LISTEN=127.0.0.1:0"}, want: []string{"url: is needed when listen is 127.0.0.1:0"}},
		"public http":              {file: "url: http://relay.example", want: []string{"FILE:1: url: must be https"}},
		"url with a path":          {file: "url: https://relay.example/x", want: []string{"FILE:1: url: "}},
		"url with a user":          {file: "url: https://a@relay.example/", want: []string{"FILE:1: url: "}},
		"no url at all":            {file: "url: relay.example", want: []string{`FILE:1: url: "relay.example" is not a URL`}},
		"unicode host":             {file: "url: https://bücher.example", want: []string{"xn--"}},
		"dev, public listen":       {env: []string{"TRIBUTARY_DEV=1", "TRIBUTARY_LISTEN=0.0.0.0:8080", "TRIBUTARY_URL=http://localhost:8080"}, want: []string{"TRIBUTARY_LISTEN: listen: dev is for one machine only, and 0.0.0.0:8080"}},
		"dev, every address":       {env: []string{"TRIBUTARY_DEV=1", "TRIBUTARY_LISTEN=:8080", "TRIBUTARY_URL=http://localhost:8080"}, want: []string{"TRIBUTARY_LISTEN: listen: dev is"}},
		"dev, public debug listen": {env: []string{"TRIBUTARY_DEV=1", "TRIBUTARY_DEBUG_LISTEN=192.168.1.5:8081"}, want: []string{"TRIBUTARY_DEBUG_LISTEN: debug_listen: dev is"}},
		"dev, public url":          {file: "dev: true\nurl: https://relay.example", want: []string{"FILE:2: url: dev is for one machine only, and https://relay.example"}},
		"dev, public http url":     {file: "dev: true\nurl: http://relay.example", want: []string{"FILE:2: url: dev is for one machine only, and http://relay.example"}},
		"dev, private url":         {file: "dev: true\nurl: http://10.0.0.1", want: []string{"FILE:2: url: dev is"}},
		"dev, almost localhost":    {file: "dev: true\nurl: http://localhost.example", want: []string{"FILE:2: url: dev is"}},
		"embedded and another":     {file: "kafka: {brokers: [embedded, 'a:1']}", want: []string{`FILE:1: kafka.brokers: "embedded" is neither`}},
		"acme without https":       {file: "https: {acme: true}", want: []string{"https: needs an https url, and url is \"http://127.0.0.1:8080\""}},
		"two certificates":         {file: "url: https://r.example\nhttps: {acme: true, cert_file: c, key_file: k}", want: []string{"FILE:2: https.acme: and https.cert_file: choose one"}},
		"no key":                   {file: "url: https://r.example\nhttps: {cert_file: c}", want: []string{"FILE:2: https.cert_file: and https.key_file"}},
		"redirect to nothing":      {file: "https: {redirect_listen: ':80'}", want: []string{"FILE:1: https.redirect_listen: needs"}},
		"authority over http":      {file: "url: https://r.example\nhttps: {acme: true, directory: 'http://ca.example'}", want: []string{"FILE:2: https.directory: "}},
		"no brokers":               {file: "kafka: {brokers: []}", want: []string{"FILE:1: kafka.brokers: must not be empty"}},
		"broker without a port":    {file: "kafka: {brokers: kafka}", want: []string{`FILE:1: kafka.brokers: "kafka" is neither the word embedded alone nor host:port`}},
		"embedded with another topic": {
			file: "kafka: {topic: x}", want: []string{"FILE:1: kafka.topic: the embedded broker has only"},
		},
		"embedded with TLS":            {file: "kafka: {tls: {enabled: true}}", want: []string{"kafka.brokers: the embedded broker has neither"}},
		"certificate without a key":    {file: "kafka: {brokers: 'a:1', tls: {enabled: true, cert_file: c}}", want: []string{"FILE:1: kafka.tls.cert_file: "}},
		"password without a name":      {file: "kafka: {brokers: 'a:1', sasl: {mechanism: plain, password: geheim}}", want: []string{"kafka.sasl.username: is needed"}},
		"another database":             {file: "database: {url: 'mysql://u:geheim@h/d'}", want: []string{"FILE:1: database.url: must be sqlite:PATH or postgres://"}},
		"another form":                 {file: "database: {url: 'host=h password=geheim'}", want: []string{"FILE:1: database.url: must be sqlite:PATH or postgres://"}},
		"a password as it is":          {file: "database: {url: 'postgres://u:100%geheim@h/d'}", want: []string{"FILE:1: database.url: is not a URL"}},
		"another index":                {file: "clickhouse: {url: 'tcp://u:geheim@h:9000'}", want: []string{"FILE:1: clickhouse.url: must be embedded, off, or a URL"}},
		"an index without a scheme":    {file: "clickhouse: {url: 'u:geheim@h'}", want: []string{"FILE:1: clickhouse.url: must be embedded, off, or a URL"}},
		"an index's password as it is": {file: "clickhouse: {url: 'http://u:100%geheim@h/d'}", want: []string{"FILE:1: clickhouse.url: is not a URL"}},
		"two databases of the index":   {file: "clickhouse: {url: 'http://u:geheim@h/d/e'}", want: []string{"FILE:1: clickhouse.url: must end with the name of a database"}},
		"empty data":                   {file: "data: ''", want: []string{"FILE:1: data: must not be empty"}},
		"nothing derived from faults":  {file: "listn: 0.0.0.0:1\ndev: true\n", want: []string{"FILE:1: there is"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Environ: c.env, Flags: c.flags}
			if c.file != "" {
				in.File = writeFile(t, c.file)
			}
			_, _, err := Load(in)
			if err == nil {
				t.Fatal("no fault was found")
			}
			text := err.Error()
			if in.File != "" {
				text = strings.ReplaceAll(text, in.File, "FILE")
			}
			lines := strings.Split(text, "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("got %q", lines)
			}
			for i, want := range c.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("got  %s\nwant %s", lines[i], want)
				}
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Error("a secret was printed")
			}
		})
	}
	if _, _, err := Load(Input{File: "/nonexistent/tributary.yaml"}); err == nil || !strings.Contains(err.Error(), "/nonexistent/tributary.yaml") {
		t.Errorf("missing file: %v", err)
	}
}

func TestWhatIsAllowed(t *testing.T) {
	for _, env := range [][]string{
		{"TRIBUTARY_DEV=true"},
		{"TRIBUTARY_DEV=true", "TRIBUTARY_LISTEN=[::1]:8080", "TRIBUTARY_DEBUG_LISTEN=localhost:8081", "TRIBUTARY_URL=http://relay.localhost:8080"},
		{"TRIBUTARY_DEV=true", "TRIBUTARY_LISTEN=127.0.0.1:0", "TRIBUTARY_DEBUG_LISTEN=127.0.0.1:0", "TRIBUTARY_URL=http://127.0.0.1:8080"},
		{"TRIBUTARY_LISTEN=0.0.0.0:80", "TRIBUTARY_DEBUG_LISTEN=:81", "TRIBUTARY_URL=https://relay.example"},
		{"TRIBUTARY_LISTEN=0.0.0.0:80", "TRIBUTARY_URL=http://localhost:8080"},
		{"TRIBUTARY_KAFKA_BROKERS=a:9092,[::1]:9092", "TRIBUTARY_KAFKA_TOPIC=x", "TRIBUTARY_KAFKA_TLS_ENABLED=true"},
	} {
		if _, _, err := Load(Input{Environ: env}); err != nil {
			t.Errorf("%q: %v", env, err)
		}
	}
}

func TestCanonicalURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://Relay.Example/":        "https://relay.example",
		"https://relay.example:443":     "https://relay.example",
		"https://relay.example:80":      "https://relay.example:80",
		"HTTP://LOCALHOST:80//":         "http://localhost",
		"http://[::1]:8080":             "http://[::1]:8080",
		"https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
	} {
		c, _ := load(t, Input{Environ: []string{"TRIBUTARY_URL=" + text}})
		if c.URL != want {
			t.Errorf("%s became %s", text, c.URL)
		}
	}
}

func TestExampleIsAFileOfDefaults(t *testing.T) {
	defaults, _ := load(t, Input{})
	var text bytes.Buffer
	if err := Example(&text); err != nil {
		t.Fatal(err)
	}
	as := regexp.MustCompile(`(?m)^( *)#([a-z])`).ReplaceAllString(text.String(), "$1$2") // take the # from every key
	for name, text := range map[string]string{"as printed": text.String(), "with every key": as} {
		file := writeFile(t, text)
		c, origins := load(t, Input{File: file})
		if !reflect.DeepEqual(c, defaults) {
			t.Errorf("%s: got  %+v\nwant %+v", name, c, defaults)
		}
		for path, origin := range origins {
			// An empty default is "" in the file, which says so too.
			if name == "with every key" && !strings.HasPrefix(origin, file+":") {
				t.Errorf("%s is not in the example", path)
			}
		}
	}
	for line := range strings.Lines(text.String()) {
		if len(line) > exampleWidth+1 {
			t.Errorf("long line: %s", line)
		}
	}
}

func TestReportHidesSecrets(t *testing.T) {
	c := Config{Kafka: Kafka{SASL: SASL{Password: "geheim"}}, Database: Database{URL: "postgres://u:geheim@h/d"}}
	var text bytes.Buffer
	if err := Report(&text, c, Origins{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "geheim") || !strings.Contains(text.String(), "postgres://u:xxxxx@h/d") {
		t.Error(text.String())
	}
	for in, want := range map[string]string{
		"postgres://h/d":                 "postgres://h/d",
		"postgres://u@h/d?sslmode=allow": "postgres://u@h/d?sslmode=allow",
		"postgres:///d?host=/run/postgresql&password=geheim&sslpassword=geheim": "postgres:///d?host=%2Frun%2Fpostgresql&password=xxxxx&sslpassword=xxxxx",
		"postgres://u:100%geheim@h/d":                                           "(set)",
		"sqlite:/srv/state.db":                                                  "sqlite:/srv/state.db",
	} {
		if got := redact(in); got != want {
			t.Errorf("%s is shown as %s", in, got)
		}
	}
}

func TestDatabaseOnANetwork(t *testing.T) {
	for dsn, warned := range map[string]bool{
		"postgres://u:p@db.example/d": true, "postgres://10.0.0.7/d?sslmode=prefer": true,
		"postgres://db.example/d?sslmode=verify-full": false, "postgresql://db.example/d?sslmode=require": false,
		"postgres://localhost/d": false, "postgres:///d?host=/run/postgresql": false, "sqlite:x.db": false,
	} {
		c, _ := load(t, Input{Environ: []string{"TRIBUTARY_DATABASE_URL=" + dsn, "TRIBUTARY_URL=https://relay.example"}})
		if c.Database.URL != dsn {
			t.Errorf("%s became %s", dsn, c.Database.URL)
		}
		if got := strings.Contains(strings.Join(c.Warnings(), ""), "database.url"); got != warned {
			t.Errorf("%s: warnings %q", dsn, c.Warnings())
		}
	}
}

func TestIndexOnANetwork(t *testing.T) {
	for text, warned := range map[string]bool{
		"http://u:p@ch.example:8123/d": true, "clickhouse://ch.example": true,
		"https://u:p@ch.example/d": false, "clickhouse://ch.example?secure=true": false,
		"http://localhost:8123": false, "clickhouse://127.0.0.1:9000/d": false, "embedded": false, "off": false,
	} {
		c, _ := load(t, Input{Environ: []string{"TRIBUTARY_CLICKHOUSE_URL=" + text, "TRIBUTARY_URL=https://relay.example"}})
		if got := strings.Contains(strings.Join(c.Warnings(), ""), "clickhouse.url"); got != warned {
			t.Errorf("%s: warnings %q", text, c.Warnings())
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "7": 7, "7B": 7, "4KiB": 4096, "3 MiB": 3 << 20, "2GiB": 2 << 30} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5GiB", "9999999999GiB", "1gib"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
	for b, want := range map[Bytes]string{0: "0", 1000: "1000", 2048: "2KiB", 3 << 20: "3MiB", 5 << 30: "5GiB"} {
		if b.String() != want {
			t.Errorf("%d: %s", b, b)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"listen", "lisen", 1}, {"flaw", "lawn", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %d", c.a, c.b, got)
		}
	}
}
