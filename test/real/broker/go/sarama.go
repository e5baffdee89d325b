package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

func saramaConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = "sarama"
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	return config
}

func runSarama(ctx context.Context, address string) (result, error) {
	found := result{Read: map[string]int{}}
	brokers := []string{address}
	admin, err := sarama.NewClusterAdmin(brokers, saramaConfig())
	if err != nil {
		return found, err
	}
	defer admin.Close()
	if err := admin.CreateTopic("sarama", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false); err != nil {
		return found, err
	}
	codecs := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	for name, codec := range codecs {
		config := saramaConfig()
		config.Producer.Compression = codec
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
		producer, err := sarama.NewSyncProducer(brokers, config)
		if err != nil {
			return found, err
		}
		var messages []*sarama.ProducerMessage
		for index := 0; index < perCodec; index++ {
			messages = append(messages, &sarama.ProducerMessage{Topic: "sarama", Key: sarama.StringEncoder(valueOf(name, index)), Value: sarama.StringEncoder(valueOf(name, index))})
		}
		if err := producer.SendMessages(messages); err != nil {
			return found, err
		}
		if err := producer.Close(); err != nil {
			return found, err
		}
	}
	if err := saramaTransactions(brokers); err != nil {
		return found, err
	}
	reader := &saramaReader{found: &found, wanted: len(codecs)*perCodec + 2, done: make(chan struct{})}
	group, err := sarama.NewConsumerGroup(brokers, "sarama-group", saramaConfig())
	if err != nil {
		return found, err
	}
	consuming, stop := context.WithCancel(ctx)
	go func() {
		for consuming.Err() == nil {
			_ = group.Consume(consuming, []string{"sarama"}, reader)
		}
	}()
	select {
	case <-reader.done:
	case <-ctx.Done():
		return found, fmt.Errorf("sarama read %v", found.Read)
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	if err := group.Close(); err != nil {
		return found, err
	}
	offsets, err := admin.ListConsumerGroupOffsets("sarama-group", map[string][]int32{"sarama": {0, 1, 2}})
	if err != nil {
		return found, err
	}
	for partition := int32(0); partition < 3; partition++ {
		found.Committed += offsets.GetBlock("sarama", partition).Offset
	}
	groups, err := admin.ListConsumerGroups()
	if err != nil {
		return found, err
	}
	for name := range groups {
		found.Groups = append(found.Groups, name)
	}
	return found, admin.DeleteTopic("sarama")
}

// Two records are committed, two are aborted.
func saramaTransactions(brokers []string) error {
	config := saramaConfig()
	config.Producer.Idempotent = true
	config.Producer.Transaction.ID = "sarama-tx"
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return err
	}
	for _, kind := range []string{"committed", "aborted"} {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
		for index := 0; index < 2; index++ {
			if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama", Value: sarama.StringEncoder(valueOf(kind, index))}); err != nil {
				return err
			}
		}
		end := producer.CommitTxn
		if kind == "aborted" {
			end = producer.AbortTxn
		}
		if err := end(); err != nil {
			return err
		}
	}
	return producer.Close()
}

type saramaReader struct {
	found  *result
	wanted int
	read   int
	done   chan struct{}
	values chan string
}

func (r *saramaReader) Setup(sarama.ConsumerGroupSession) error {
	r.values = make(chan string)
	go func(values chan string) {
		for value := range values {
			codec, _, _ := strings.Cut(value, "-")
			r.found.Read[codec]++
			if codec == "committed" || codec == "aborted" {
				r.found.Values = append(r.found.Values, value)
			}
			if r.read++; r.read == r.wanted {
				close(r.done)
			}
		}
	}(r.values)
	return nil
}

func (r *saramaReader) Cleanup(sarama.ConsumerGroupSession) error { close(r.values); return nil }

func (r *saramaReader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		r.values <- string(message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}
