package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// EnsureTopic creates the topic with one partition, or gives the existing one the
// retention, and returns ErrPartitions if it has another number of partitions.
func EnsureTopic(ctx context.Context, c *kafka.Client, r Retention) error {
	r.applyDefaults()
	configs := r.configs()
	created, err := createTopic(ctx, c, configs)
	if err != nil {
		return fmt.Errorf("broker: creating topic %s: %w", Topic, err)
	}
	if !created {
		if err := alterTopic(ctx, c, configs); err != nil {
			return fmt.Errorf("broker: configuring topic %s: %w", Topic, err)
		}
	}
	return checkPartitions(ctx, c)
}

func (r Retention) configs() []kafka.ConfigEntry {
	ms := func(d time.Duration) string {
		if d < 0 {
			return "-1"
		}
		return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
	}
	return []kafka.ConfigEntry{
		{ConfigName: "cleanup.policy", ConfigValue: "delete"},
		{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(MaxBatchBytes)},
		{ConfigName: retentionBytes, ConfigValue: strconv.FormatInt(r.Bytes, 10)},
		{ConfigName: "retention.ms", ConfigValue: ms(r.Age)},
		{ConfigName: segmentBytes, ConfigValue: strconv.FormatInt(r.SegmentBytes, 10)},
		{ConfigName: "segment.ms", ConfigValue: ms(r.Roll)}, // kfake does not look at it: see keeper.roll
	}
}

const (
	segmentBytes   = "segment.bytes"
	retentionBytes = "retention.bytes"
)

func createTopic(ctx context.Context, c *kafka.Client, configs []kafka.ConfigEntry) (created bool, err error) {
	res, err := c.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic:             Topic,
		NumPartitions:     1,
		ReplicationFactor: -1, // the server's default
		ConfigEntries:     configs,
	}}})
	if err == nil {
		err = res.Errors[Topic]
	}
	if errors.Is(err, kafka.TopicAlreadyExists) {
		return false, nil
	}
	return err == nil, err
}

func alterTopic(ctx context.Context, c *kafka.Client, configs []kafka.ConfigEntry) error {
	resource := kafka.IncrementalAlterConfigsRequestResource{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: Topic,
	}
	for _, e := range configs {
		resource.Configs = append(resource.Configs, kafka.IncrementalAlterConfigsRequestConfig{
			Name: e.ConfigName, Value: e.ConfigValue, ConfigOperation: kafka.ConfigOperationSet,
		})
	}
	res, err := c.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{resource},
	})
	if err != nil {
		return err
	}
	for _, r := range res.Resources {
		if r.Error != nil {
			return r.Error
		}
	}
	return nil
}

func checkPartitions(ctx context.Context, c *kafka.Client) error {
	res, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{Topic}})
	if err != nil {
		return fmt.Errorf("broker: describing topic %s: %w", Topic, err)
	}
	i := slices.IndexFunc(res.Topics, func(t kafka.Topic) bool { return t.Name == Topic })
	if i < 0 {
		return fmt.Errorf("broker: describing topic %s: %w", Topic, kafka.UnknownTopicOrPartition)
	}
	if t := res.Topics[i]; t.Error != nil {
		return fmt.Errorf("broker: describing topic %s: %w", Topic, t.Error)
	} else if n := len(t.Partitions); n != 1 {
		return fmt.Errorf("%w: %s has %d", ErrPartitions, Topic, n)
	}
	return nil
}
