package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"tributary/ingest/child/beside"
)

// debianConfig and debianUsers are all that clickhouse-server 18.16 needs: folder, ports.
const (
	debianConfig = `<yandex>
<logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><http_port>%[2]s</http_port><tcp_port>%[3]s</tcp_port>
<path>%[1]s/data/</path><tmp_path>%[1]s/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>5368709</mark_cache_size>
</yandex>
`
	debianUsers = `<yandex><profiles><default/></profiles><quotas><default/></quotas>
<users><%[1]s><password>%[2]s</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></%[1]s></users>
</yandex>
`
)

// startDebian runs the clickhouse-server of the machine's packages.
func startDebian(ctx context.Context, dir string) (*server, error) {
	program, err := exec.LookPath("clickhouse-server")
	if err != nil {
		return nil, fmt.Errorf("clickhouse-server, for the native protocol (Debian: apt-get install clickhouse-server): %w", errMissing)
	}
	if dir, err = makeDir(dir, "debian"); err != nil {
		return nil, err
	}
	ports, err := beside.Addresses(2)
	if err != nil {
		return nil, err
	}
	_, http, _ := net.SplitHostPort(ports[0]) // Addresses made them
	_, native, _ := net.SplitHostPort(ports[1])
	for name, text := range map[string]string{
		"config.xml": fmt.Sprintf(debianConfig, dir, http, native), "users.xml": fmt.Sprintf(debianUsers, user, password),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(program, "--config-file="+filepath.Join(dir, "config.xml"))
	cmd.Dir = dir
	return launch(ctx, dir, "clickhouse-server", ports[0], cmd, nil,
		"TRIBUTARY_TEST_CLICKHOUSE_NATIVE=clickhouse://"+user+":"+password+"@"+ports[1],
		"TRIBUTARY_TEST_CLICKHOUSE_NATIVE_HTTP=http://"+user+":"+password+"@"+ports[0])
}

func makeDir(dir, name string) (string, error) {
	dir = filepath.Join(dir, name)
	for _, d := range []string{dir, filepath.Join(dir, "data"), filepath.Join(dir, "tmp")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return "", err
		}
	}
	return dir, nil
}
