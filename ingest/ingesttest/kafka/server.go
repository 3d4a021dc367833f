package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	pom      = "ingest/ingesttest/kafka/pom.xml"
	jarsDir  = "bin/kafka"
	cluster  = "dHJpYnV0YXJ5LXRlc3QAAA" // 16 bytes, base64url
	user     = "tributary"
	password = "geheim"
	startMax = time.Minute
	stopMax  = 10 * time.Second
)

// copyJars has Maven copy the server, unless that was done for the same pom.xml.
func copyJars(ctx context.Context) (string, error) {
	want, err := os.ReadFile(pom)
	if err != nil {
		return "", fmt.Errorf("run it in the repository's top folder: %w", err)
	}
	done := filepath.Join(jarsDir, "pom.xml")
	if have, err := os.ReadFile(done); err == nil && bytes.Equal(have, want) {
		return jarsDir, nil
	}
	if err := os.RemoveAll(jarsDir); err != nil {
		return "", err
	}
	out, err := filepath.Abs(jarsDir)
	if err != nil {
		return "", err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+out)
	if output, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mvn: %w\n%s", err, output)
	}
	return jarsDir, os.WriteFile(done, want, 0o644)
}

// server is a running Kafka.
type server struct {
	dir               string
	plain, sasl, mtls string // host:port
	cmd               *exec.Cmd
	ended             chan error
}

func (s *server) environ() []string {
	return []string{
		"TRIBUTARY_TEST_KAFKA=" + s.plain,
		"TRIBUTARY_TEST_KAFKA_SASL=" + s.sasl,
		"TRIBUTARY_TEST_KAFKA_MTLS=" + s.mtls,
		"TRIBUTARY_TEST_KAFKA_CERTS=" + s.dir,
	}
}

func startServer(ctx context.Context, jars string) (*server, error) {
	dir, err := os.MkdirTemp("", "tributary-kafka-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, ended: make(chan error, 1)}
	if err := s.start(ctx, filepath.Join(jars, "*")); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *server) start(ctx context.Context, classpath string) error {
	if err := writeCertificates(s.dir); err != nil {
		return err
	}
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	s.plain, s.sasl, s.mtls = ports[0], ports[1], ports[2]
	file := filepath.Join(s.dir, "server.properties")
	if err := os.WriteFile(file, []byte(s.properties(ports[3])), 0o600); err != nil {
		return err
	}
	format := exec.CommandContext(ctx, "java", "-Xmx256m", "-cp", classpath, "kafka.tools.StorageTool", "format",
		"--standalone", "-t", cluster, "-c", file,
		"--add-scram", scram("SCRAM-SHA-256"), "--add-scram", scram("SCRAM-SHA-512"))
	if output, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("format: %w\n%s", err, output)
	}
	log, err := os.Create(filepath.Join(s.dir, "kafka.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command("java", "-Xmx512m", "-cp", classpath, "kafka.Kafka", file)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the command: the server ends after it
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s.await(ctx)
}

func scram(mechanism string) string {
	return mechanism + "=[name=" + user + ",password=" + password + "]"
}

// properties is a server of one node that is broker and controller.
func (s *server) properties(controller string) string {
	return strings.NewReplacer("DIR", s.dir, "PLAIN_AT", s.plain, "SASL_AT", s.sasl, "MTLS_AT", s.mtls,
		"CONTROLLER_AT", controller, "USER", user, "PASSWORD", password).Replace(`process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=CONTROLLER_AT
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://PLAIN_AT,SASL_SSL://SASL_AT,SSL://MTLS_AT,CONTROLLER://CONTROLLER_AT
advertised.listeners=PLAINTEXT://PLAIN_AT,SASL_SSL://SASL_AT,SSL://MTLS_AT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
log.dirs=DIR/data
num.partitions=3
auto.create.topics.enable=true
log.retention.ms=-1
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
ssl.keystore.type=PEM
ssl.keystore.location=DIR/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=DIR/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_USER="PASSWORD";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`)
}

// await waits until the server answers.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	transport := &kafka.Transport{DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.plain), Transport: transport, Timeout: time.Second}
	for {
		res, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(res.Brokers) == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w\n%s", ctx.Err(), s.log())
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("the server ended: %w\n%s", err, s.log())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *server) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "kafka.log"))
	return string(b[max(0, len(b)-4000):])
}

// close ends the server and removes what it wrote.
func (s *server) close() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(stopMax):
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
	}
	_ = os.RemoveAll(s.dir)
}

// freePorts are addresses on loopback that nobody listens on now.
func freePorts(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		all = append(all, l.Addr().String())
	}
	return all, nil
}
