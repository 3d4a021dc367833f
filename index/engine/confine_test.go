package engine

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// elsewhere is what SQL must not reach.
type elsewhere struct {
	secret    string // a file beside the engine's directory
	outside   string // a file to be written
	connected func() bool
	port      string
}

func surroundings(t *testing.T, o Options) elsewhere {
	t.Helper()
	e := elsewhere{secret: filepath.Join(filepath.Dir(o.Dir), "state.db"), outside: filepath.Join(filepath.Dir(o.Dir), "written")}
	if err := os.WriteFile(e.secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, e.port, _ = net.SplitHostPort(ln.Addr().String())
	accepted := make(chan bool, 100)
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			accepted <- true
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close() })
	e.connected = func() bool { return len(accepted) > 0 }
	return e
}

// With every right that ClickHouse has to give, Landlock still holds.
func TestLandlockHoldsTheEngine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Landlock is Linux's")
	}
	for name, confined := range map[string]bool{"confined": true, "bare": false} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.off.roles, o.off.landlock = true, !confined
			p := start(t, o)
			if confined && !landlocked(t, p.Pid()) {
				t.Skip("this kernel has no Landlock")
			}
			e := surroundings(t, o)
			for _, sql := range []string{
				"SELECT file('/etc/passwd')",
				"SELECT * FROM file('/etc/passwd', 'LineAsString')",
				"SELECT file('" + e.secret + "')",
				"SELECT file('/proc/" + strconv.Itoa(os.Getpid()) + "/environ')",
				"SELECT * FROM file('" + filepath.Dir(o.Dir) + "/*', 'LineAsString', 'line String') SETTINGS engine_file_skip_empty_files = 0",
				"INSERT INTO FUNCTION file('" + e.outside + "', 'CSV', 'a Int8') VALUES (1)",
				"SELECT * FROM url('http://127.0.0.1:" + e.port + "/', 'LineAsString') SETTINGS http_max_tries = 1, http_connection_timeout = 1, http_receive_timeout = 1",
			} {
				text, code := p.ask(t, sql)
				if held := code != "" || text == "" && strings.HasPrefix(sql, "SELECT"); held != confined && !strings.Contains(sql, "url(") {
					t.Errorf("%s: %s %.300s", sql, code, text)
				}
			}
			if _, err := os.Stat(e.outside); (err == nil) == confined {
				t.Errorf("file outside: %v", err)
			}
			if e.connected() == confined {
				t.Errorf("connected: %v", e.connected())
			}
		})
	}
}

// landlocked says whether the process gave up new privileges, which is the part of Landlock that can be seen.
func landlocked(t *testing.T, pid int) bool {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(status), "NoNewPrivs:\t1")
}

// Without Landlock, on an old kernel, ClickHouse's own rights hold what they can.
func TestRolesHoldTheEngine(t *testing.T) {
	o := options(t)
	o.off.landlock = true
	p := start(t, o)
	e := surroundings(t, o)
	p.must(t, "CREATE DATABASE tributary")
	url := "'http://127.0.0.1:" + e.port + "/'"
	for _, sql := range []string{
		"SELECT * FROM file('/etc/passwd', 'LineAsString')",
		"SELECT * FROM '/etc/passwd'",
		"DESCRIBE TABLE file('/etc/passwd')",
		"DESCRIBE TABLE url(" + url + ")",
		"SELECT * FROM url(" + url + ", 'LineAsString')",
		"SELECT * FROM s3(" + url[:len(url)-1] + "bucket/key', 'CSV', 'a String')",
		"SELECT * FROM remote('127.0.0.1:" + e.port + "', 'system.one')",
		"SELECT * FROM executable('x', 'CSV', 'a String')",
		"INSERT INTO FUNCTION file('" + e.outside + "', 'CSV', 'a Int8') VALUES (1)",
		"CREATE TABLE tributary.t (a String) ENGINE = File('CSV', '/etc/passwd')",
		"CREATE TABLE tributary.t (a String) ENGINE = URL(" + url + ", 'CSV')",
		"CREATE TEMPORARY TABLE t (a String) ENGINE = URL(" + url + ", 'CSV')",
		"CREATE TABLE tributary.t (a String) ENGINE = Distributed('c', 'd', 't')",
		"CREATE DATABASE d ENGINE = Filesystem('/etc')",
		"CREATE DICTIONARY tributary.d (id UInt64, v String) PRIMARY KEY id SOURCE(HTTP(url " + url + " format 'CSV')) LIFETIME(0) LAYOUT(FLAT())",
		"BACKUP DATABASE tributary TO File('" + e.outside + "')",
		"SELECT 1 INTO OUTFILE '" + e.outside + "'",
		"CREATE USER u",
		"GRANT ALL ON *.* TO default",
		"SYSTEM SHUTDOWN",
		"SYSTEM KILL",
	} {
		if text, code := p.ask(t, sql); code == "" {
			t.Errorf("%s: %.300s", sql, text)
		}
	}
	if _, err := os.Stat(e.outside); err == nil || e.connected() {
		t.Errorf("file outside: %v, connected: %v", err, e.connected())
	}
}

// The role of readers.
func TestRoleRO(t *testing.T) {
	o := options(t)
	p := start(t, o)
	for _, sql := range []string{
		"CREATE DATABASE tributary", "CREATE TABLE tributary.t (a Int8) ENGINE = MergeTree ORDER BY a", "INSERT INTO tributary.t VALUES (7)",
		"CREATE DATABASE other", "CREATE TABLE other.t (a Int8) ENGINE = MergeTree ORDER BY a",
	} {
		p.must(t, sql)
	}
	if text, code := p.ask(t, "SELECT * FROM tributary.t", "role", "ro", "readonly", "1"); text != "7" || code != "" {
		t.Error(text, code)
	}
	for sql, want := range map[string]string{
		"SELECT * FROM other.t":               "497",
		"INSERT INTO tributary.t VALUES (1)":  "164 497",
		"DROP TABLE tributary.t":              "164 497",
		"SELECT 1 SETTINGS readonly = 0":      "164 497",
		"SELECT * FROM '/etc/passwd'":         "164 497",
		"SELECT 1; DROP TABLE tributary.t":    "62",
		"INSERT INTO tributary.t SELECT 1":    "164 497",
		"SELECT 1 INTO OUTFILE '/tmp/x.file'": "233",
	} {
		if text, code := p.ask(t, sql, "role", "ro", "readonly", "1"); code == "" || !strings.Contains(want, code) {
			t.Errorf("%s: %s %.300s", sql, code, text)
		}
	}
}
