package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"tributary/cmd/internal/config"
	"tributary/ingest"
)

// kafkaRefresh is how long the client may believe in a leader that is gone.
const kafkaRefresh = 3 * time.Second

// kafkaByAddress is the log on a Kafka, and what closes its connections.
func kafkaByAddress(k config.Kafka) (ingest.Kafka, func() error, error) {
	t := &kafka.Transport{
		ClientID: "tributary", MetadataTTL: kafkaRefresh,
		MetadataTopics: []string{k.Topic}, // by default it asks for all topics of the cluster
	}
	if k.TLS.Enabled {
		conf, err := tlsConfig(k.TLS)
		if err != nil {
			return ingest.Kafka{}, nil, err
		}
		t.TLS = conf
	}
	mechanism, err := saslMechanism(k.SASL)
	if err != nil {
		return ingest.Kafka{}, nil, err
	}
	t.SASL = mechanism
	closeAll := func() error { t.CloseIdleConnections(); return nil }
	return ingest.Kafka{Addr: kafka.TCP(k.Brokers...), Transport: t, Topic: k.Topic}, closeAll, nil
}

// saslMechanism is nil where nobody signs in.
func saslMechanism(c config.SASL) (sasl.Mechanism, error) {
	var algorithm scram.Algorithm
	switch c.Mechanism {
	case "":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: c.Username, Password: c.Password}, nil
	case "scram-sha-256":
		algorithm = scram.SHA256
	case "scram-sha-512":
		algorithm = scram.SHA512
	default:
		return nil, fmt.Errorf("kafka.sasl.mechanism: %q is not known", c.Mechanism)
	}
	m, err := scram.Mechanism(algorithm, c.Username, c.Password)
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl: %w", err)
	}
	return m, nil
}

func tlsConfig(c config.TLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("kafka.tls.ca_file: no certificate in " + c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert_file: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
