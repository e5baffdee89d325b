package main

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func runFranz(ctx context.Context, address string) (result, error) {
	found := result{Read: map[string]int{}}
	seeds := kgo.SeedBrokers(address)
	client, err := kgo.NewClient(seeds, kgo.ClientID("franz-go"))
	if err != nil {
		return found, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(ctx, 3, 1, nil, "franz-go"); err != nil {
		return found, err
	}
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range codecs {
		producer, err := kgo.NewClient(seeds, kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic("franz-go"))
		if err != nil {
			return found, err
		}
		var records []*kgo.Record
		for index := 0; index < perCodec; index++ {
			records = append(records, &kgo.Record{Key: []byte(valueOf(name, index)), Value: []byte(valueOf(name, index))})
		}
		if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return found, err
		}
		producer.Close()
	}
	if err := franzTransactions(ctx, seeds); err != nil {
		return found, err
	}
	consumer, err := kgo.NewClient(seeds, kgo.ConsumerGroup("franz-go-group"), kgo.ConsumeTopics("franz-go"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return found, err
	}
	for read := 0; read < len(codecs)*perCodec+2; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return found, err
		}
		for _, record := range fetches.Records() {
			codec, _, _ := strings.Cut(string(record.Value), "-")
			found.Read[codec]++
			if codec == "committed" || codec == "aborted" {
				found.Values = append(found.Values, string(record.Value))
			}
			read++
		}
	}
	if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
		return found, err
	}
	consumer.Close()
	offsets, err := admin.FetchOffsets(ctx, "franz-go-group")
	if err != nil {
		return found, err
	}
	offsets.Each(func(offset kadm.OffsetResponse) { found.Committed += offset.At })
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return found, err
	}
	found.Groups = groups.Groups()
	_, err = admin.DeleteTopics(ctx, "franz-go")
	return found, err
}

// Two records are committed, two are aborted.
func franzTransactions(ctx context.Context, seeds kgo.Opt) error {
	producer, err := kgo.NewClient(seeds, kgo.TransactionalID("franz-go-tx"), kgo.DefaultProduceTopic("franz-go"))
	if err != nil {
		return err
	}
	defer producer.Close()
	for _, kind := range []string{"committed", "aborted"} {
		if err := producer.BeginTransaction(); err != nil {
			return err
		}
		for index := 0; index < 2; index++ {
			if err := producer.ProduceSync(ctx, kgo.StringRecord(valueOf(kind, index))).FirstErr(); err != nil {
				return err
			}
		}
		if err := producer.EndTransaction(ctx, kgo.TransactionEndTry(kind == "committed")); err != nil {
			return err
		}
	}
	return nil
}
