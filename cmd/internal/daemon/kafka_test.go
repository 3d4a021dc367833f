package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/cmd/internal/config"
	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/state"
)

// throughKafka opens a log as the program does, appends a post and reads it back.
func throughKafka(t *testing.T, c config.Kafka) error {
	t.Helper()
	k, closeAll, err := kafkaByAddress(c)
	if err != nil {
		return err
	}
	defer func() { _ = closeAll() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	db, err := state.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "state.db"), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := ingest.Open(ctx, ingest.Config{Kafka: k, DB: db, Logger: ingesttest.Logger(t)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	defer func() { stop(); <-ended }()
	if err := log.Append(ctx, ingesttest.Post("a.example", 1, ingest.TierLive)); err != nil {
		return err
	}
	_, err = log.Tail().Reader(ingest.ViewStream, 0).Next(ctx, 1)
	return err
}

// Every way to reach a Kafka, against a real one, and what is wrong is told at once.
func TestKafkaByAddress(t *testing.T) {
	if !ingesttest.Real() {
		t.Skip("needs a Kafka with TLS and SASL: make test-kafka")
	}
	certs := os.Getenv("TRIBUTARY_TEST_KAFKA_CERTS")
	ca := config.TLS{Enabled: true, CAFile: filepath.Join(certs, "ca.pem")}
	mutual := ca
	mutual.CertFile, mutual.KeyFile = filepath.Join(certs, "client.pem"), filepath.Join(certs, "client.key")
	sign := func(mechanism, password string) config.SASL {
		return config.SASL{Mechanism: mechanism, Username: "tributary", Password: password}
	}
	for i, c := range []struct {
		name     string
		listener string // its variable ends in it
		tls      config.TLS
		sasl     config.SASL
		want     string // of the error
	}{
		{"plain text", "", config.TLS{}, config.SASL{}, ""},
		{"certificate", "_MTLS", mutual, config.SASL{}, ""},
		{"no certificate", "_MTLS", ca, config.SASL{}, "certificate"},
		{"SASL plain", "_SASL", ca, sign("plain", "geheim"), ""},
		{"SCRAM-SHA-256", "_SASL", ca, sign("scram-sha-256", "geheim"), ""},
		{"SCRAM-SHA-512", "_SASL", ca, sign("scram-sha-512", "geheim"), ""},
		{"wrong password", "_SASL", ca, sign("plain", "falsch"), "SASL Authentication Failed"},
		{"wrong password, SCRAM", "_SASL", ca, sign("scram-sha-512", "falsch"), "SASL Authentication Failed"},
		{"unknown authority", "_SASL", config.TLS{Enabled: true}, sign("plain", "geheim"), "unknown authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			err := throughKafka(t, config.Kafka{
				Brokers: []string{os.Getenv("TRIBUTARY_TEST_KAFKA" + c.listener)}, TLS: c.tls, SASL: c.sasl,
				Topic: fmt.Sprintf("daemon-%d-%d", os.Getpid(), i),
			})
			t.Log(time.Since(begun), err)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
