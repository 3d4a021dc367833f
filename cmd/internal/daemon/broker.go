package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"

	"tributary/cmd/internal/config"
	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/child"
)

// brokerReady is how long the embedded broker may take to read its log.
const brokerReady = 2 * time.Minute

// openKafka says how the log is reached, and starts the embedded broker if that
// is what serves it.
func (d *Daemon) openKafka(ctx context.Context) (ingest.Kafka, error) {
	if !d.cfg.Kafka.Embedded() {
		transport, err := kafkaTransport(d.cfg.Kafka)
		return ingest.Kafka{Addr: kafka.TCP(d.cfg.Kafka.Brokers...), Transport: transport, Topic: d.cfg.Kafka.Topic}, err
	}
	socket := d.data.join("broker.sock")
	k := d.cfg.Kafka
	process, err := child.Start(context.WithoutCancel(ctx), child.Spec{
		Name: "broker",
		Args: []string{
			"broker", "--dir", d.data.join("log"), "--socket", socket,
			"--retention-age", k.RetentionAge.String(), "--retention-bytes", strconv.FormatInt(int64(k.RetentionBytes), 10),
		},
		Log: d.log, Metrics: child.NewMetrics(d.registry),
	})
	if err != nil {
		return ingest.Kafka{}, err
	}
	d.onClose("broker", process.Close)
	d.brokerPid = process.Pid
	ready, cancel := context.WithTimeout(ctx, brokerReady)
	defer cancel()
	if err := process.Ready(ready); err != nil {
		return ingest.Kafka{}, fmt.Errorf("embedded broker: %w", err)
	}
	transport := broker.Transport(socket)
	d.onClose("broker connections", func() error { transport.CloseIdleConnections(); return nil })
	return ingest.Kafka{Addr: broker.Addr, Transport: transport, Topic: broker.Topic}, nil
}

// kafkaTransport reaches a Kafka by address.
func kafkaTransport(k config.Kafka) (*kafka.Transport, error) {
	t := &kafka.Transport{ClientID: "tributary"}
	if k.TLS.Enabled {
		conf, err := tlsConfig(k.TLS)
		if err != nil {
			return nil, err
		}
		t.TLS = conf
	}
	if k.SASL.Mechanism == "plain" {
		t.SASL = plain.Mechanism{Username: k.SASL.Username, Password: k.SASL.Password}
	}
	return t, nil
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
