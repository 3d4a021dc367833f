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
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kafka COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1], os.Args[2:])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, args []string) error {
	jars, err := copyJars(ctx)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, jars)
	if err != nil {
		return err
	}
	defer s.close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), s.environ()...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd.Run()
}
