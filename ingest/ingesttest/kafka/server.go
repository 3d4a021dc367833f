package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/child/beside"
)

const (
	pom      = "ingest/ingesttest/kafka/pom.xml"
	jarsDir  = "bin/kafka"
	cluster  = "dHJpYnV0YXJ5LXRlc3QAAA" // 16 bytes, base64url
	user     = "tributary"
	password = "geheim"
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
	process           *beside.Server
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
	s := &server{dir: dir}
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
	ports, err := beside.Addresses(4)
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
	s.process, err = beside.Start(ctx, beside.Spec{
		Name: "kafka", Dir: s.dir, Answers: s.answers,
		Cmd: exec.Command("java", "-Xmx512m", "-cp", classpath, "kafka.Kafka", file),
	})
	return err
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

func (s *server) answers(ctx context.Context) bool {
	transport := &kafka.Transport{DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.plain), Transport: transport, Timeout: time.Second}
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	return err == nil && len(res.Brokers) == 1
}

// close ends the server and removes what it wrote.
func (s *server) close() {
	if s.process != nil {
		s.process.Close()
	}
	_ = os.RemoveAll(s.dir)
}
