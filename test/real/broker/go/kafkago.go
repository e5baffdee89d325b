package main

import (
	"context"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
)

func runKafkaGo(ctx context.Context, address string) (result, error) {
	found := result{Read: map[string]int{}}
	client := &kafka.Client{Addr: kafka.TCP(address)}
	if _, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "kafka-go", NumPartitions: 3, ReplicationFactor: 1}}}); err != nil {
		return found, err
	}
	codecs := map[string]kafka.Compression{"none": 0, "gzip": kafka.Compression(compress.Gzip), "snappy": kafka.Compression(compress.Snappy), "lz4": kafka.Compression(compress.Lz4), "zstd": kafka.Compression(compress.Zstd)}
	for name, codec := range codecs {
		writer := &kafka.Writer{Addr: kafka.TCP(address), Topic: "kafka-go", Balancer: &kafka.Murmur2Balancer{}, Compression: codec, RequiredAcks: kafka.RequireAll, BatchSize: perCodec}
		var messages []kafka.Message
		for index := 0; index < perCodec; index++ {
			messages = append(messages, kafka.Message{Key: []byte(valueOf(name, index)), Value: []byte(valueOf(name, index)), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}})
		}
		if err := writer.WriteMessages(ctx, messages...); err != nil {
			return found, err
		}
		if err := writer.Close(); err != nil {
			return found, err
		}
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address}, GroupID: "kafka-go-group", Topic: "kafka-go", StartOffset: kafka.FirstOffset})
	var messages []kafka.Message
	for len(messages) < len(codecs)*perCodec {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			return found, err
		}
		codec, _, _ := strings.Cut(string(message.Value), "-")
		found.Read[codec]++
		messages = append(messages, message)
	}
	if err := reader.CommitMessages(ctx, messages...); err != nil {
		return found, err
	}
	if err := reader.Close(); err != nil {
		return found, err
	}
	offsets, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "kafka-go-group", Topics: map[string][]int{"kafka-go": {0, 1, 2}}})
	if err != nil {
		return found, err
	}
	for _, partition := range offsets.Topics["kafka-go"] {
		found.Committed += partition.CommittedOffset
	}
	groups, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return found, err
	}
	for _, group := range groups.Groups {
		found.Groups = append(found.Groups, group.GroupID)
	}
	_, err = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"kafka-go"}})
	return found, err
}
