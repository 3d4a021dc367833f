package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// openPatience is how long a Kafka may take to answer when the program starts:
// both may be starting at once.
const openPatience = 30 * time.Second

// topicConfig is what the log needs of its topic, whatever the server's own
// defaults are. How long records are kept is the server's to say.
var topicConfig = []kafka.ConfigEntry{
	{ConfigName: "cleanup.policy", ConfigValue: "delete"},
	{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(maxBatchBytes)},
	{ConfigName: "message.timestamp.type", ConfigValue: "CreateTime"},
}

// maxBatchBytes is Kafka's own default: 1 MiB and the overhead of a batch.
const maxBatchBytes = 1<<20 + 12

// openTopic makes sure that the topic exists with exactly one partition, and
// waits while the server cannot be had. What a person must put right is an error
// at once.
func openTopic(ctx context.Context, cfg Kafka, log *slog.Logger) (*topic, error) {
	t := cfg.topic()
	deadline := time.Now().Add(openPatience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := t.ensure(ctx)
		if err == nil {
			_, _, err = t.bounds(ctx) // a new partition has no leader for a moment
		}
		if err == nil {
			return t, t.checkConfig(ctx, log)
		}
		if ctx.Err() != nil || lasting(err) || time.Now().Add(pause).After(deadline) {
			return nil, err
		}
		log.Warn("the log's server does not answer yet, trying again", "err", err)
		sleep(ctx, pause)
	}
}

// ensure asks for the topic and makes it if it is missing. It asks first, as
// only that tells why a server cannot be reached, and as a client that may use a
// topic need not be allowed to make one.
func (t *topic) ensure(ctx context.Context) error {
	found, err := t.find(ctx)
	if err != nil || found {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := t.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: t.name, NumPartitions: 1, ReplicationFactor: -1, ConfigEntries: topicConfig}}, // -1: the server's default
	})
	if err == nil {
		err = res.Errors[t.name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("ingest: create topic %s: %w", t.name, err)
	}
	switch found, err := t.find(ctx); {
	case err != nil:
		return err
	case !found: // not every server has heard of it
		return fmt.Errorf("ingest: read topic %s: %w", t.name, kafka.UnknownTopicOrPartition)
	}
	return nil
}

// find reports whether the topic exists.
func (t *topic) find(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	meta, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.name}})
	if err != nil {
		return false, fmt.Errorf("ingest: read topic %s: %w", t.name, err)
	}
	for _, m := range meta.Topics {
		switch {
		case m.Name != t.name:
		case errors.Is(m.Error, kafka.UnknownTopicOrPartition):
			return false, nil
		case m.Error != nil:
			return false, fmt.Errorf("ingest: read topic %s: %w", t.name, m.Error)
		case len(m.Partitions) != 1:
			return false, fmt.Errorf("ingest: topic %s has %d partitions: %w", t.name, len(m.Partitions), ErrPartitions)
		default:
			return true, nil
		}
	}
	return false, nil
}

// lasting reports whether an error stays until a person does something.
func lasting(err error) bool {
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	var code kafka.Error
	switch {
	case errors.Is(err, ErrPartitions), errors.As(err, &certificate):
		return true
	case errors.As(err, &op):
		return op.Op == "remote error" // crypto/tls: the server refused our certificate, or that there is none
	case errors.As(err, &code):
		return !code.Temporary() && code != kafka.BrokerNotAvailable && code != kafka.UnknownTopicOrPartition && code != kafka.Unknown
	}
	return false
}

// checkConfig looks at a topic that somebody else may have made. A server that
// does not let us look is believed.
func (t *topic) checkConfig(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := t.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: t.name, ConfigNames: []string{"cleanup.policy", "max.message.bytes"},
	}}})
	if err != nil || len(res.Resources) != 1 || res.Resources[0].Error != nil {
		return nil
	}
	for _, entry := range res.Resources[0].ConfigEntries {
		switch entry.ConfigName {
		case "cleanup.policy":
			if strings.Contains(entry.ConfigValue, "compact") {
				return fmt.Errorf("ingest: topic %s has cleanup.policy %s: %w", t.name, entry.ConfigValue, ErrCompacted)
			}
		case "max.message.bytes":
			if n, err := strconv.Atoi(entry.ConfigValue); err == nil && n < maxBatchBytes {
				log.Warn("the topic takes smaller batches than the largest records need: some posts will be refused",
					"topic", t.name, "max_message_bytes", n, "needed", maxBatchBytes)
			}
		}
	}
	return nil
}
