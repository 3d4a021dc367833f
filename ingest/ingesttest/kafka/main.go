// Command kafka runs another command with a real Apache Kafka beside it, for
// `make test-kafka`:
//
//	go run ./ingest/ingesttest/kafka go test ./ingest/...
//
// Maven copies the server's jars (pom.xml) to bin/kafka once; Java 17 runs one
// broker in KRaft mode on loopback, in a temporary directory that is removed. The
// command finds it by its environment:
//
//	TRIBUTARY_TEST_KAFKA       host:port, plain
//	TRIBUTARY_TEST_KAFKA_SASL  host:port, TLS and SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
//	TRIBUTARY_TEST_KAFKA_MTLS  host:port, TLS, a client's certificate demanded
//	TRIBUTARY_TEST_KAFKA_CERTS directory: ca.pem, client.pem, client.key
//
// The name that SASL takes is "tributary", the password "geheim". The server
// differs from its defaults where a test should see it: topics that are not made
// by hand get three partitions, and nothing expires by its age.
//
//	main.go         the command
//	server.go       properties, format, start, end
//	certificate.go  an authority, the server's and a client's certificate
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tributary/ingest/child/beside"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kafka COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, name string, args []string) (code int, err error) {
	jars, err := copyJars(ctx)
	if err != nil {
		return 1, err
	}
	s, err := startServer(ctx, jars)
	if err != nil {
		return 1, err
	}
	defer s.close()
	return beside.Run(ctx, s.environ(), name, args...)
}
