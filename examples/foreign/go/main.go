// A task of a Millrace graph that is another process: reads, transforms and writes exactly once, with franz-go.
// It is worker.py once more, in Go, and says the same things through the same environment variables; see there.
//
//	go build -o worker . && SCORE_WORKER=$PWD/worker npx millrace start dist/examples/foreign/app.js --processes 2
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type click struct {
	ID    string  `json:"id"`
	Seq   int64   `json:"seq"`
	Price float64 `json:"price"`
	At    int64   `json:"at"`
}

type scored struct {
	ID    string  `json:"id"`
	Seq   int64   `json:"seq"`
	Score float64 `json:"score"`
}

// A click for much money late at night is suspicious; any model could stand here.
func score(c click) float64 {
	value := c.Price / 1000
	if c.At/3_600_000%24 < 5 {
		value += 0.5
	}
	return math.Round(math.Min(1, value)*1000) / 1000
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		// Fenced, or the group moved on: ending is right, the supervisor starts it again and the open transaction is aborted.
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	group := os.Getenv("MILLRACE_GROUP")
	instance := os.Getenv("MILLRACE_INSTANCE")
	if instance == "" {
		instance = "0"
	}
	// The same after a restart: it fences what was before, and takes back the partitions of the one that died.
	identity := group + "." + instance
	writes := strings.Split(os.Getenv("MILLRACE_WRITES"), ",")[0]
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(os.Getenv("MILLRACE_BOOTSTRAP"), ",")...),
		kgo.ClientID(identity),
		kgo.ConsumerGroup(group),
		kgo.InstanceID(identity),
		kgo.ConsumeTopics(strings.Split(os.Getenv("MILLRACE_READS"), ",")...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.TransactionalID(identity),
		kgo.TransactionTimeout(10*time.Second),
		// Java's partitioner, so that a key's records stay where a Millrace task would put them.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Println("ready")
	// A supervisor that was killed leaves no orphan.
	for parent := os.Getppid(); os.Getppid() == parent; {
		if err := once(ctx, session, writes); err != nil {
			return err
		}
	}
	return nil
}

// once takes what has come, and commits its scores and offsets together.
func once(ctx context.Context, session *kgo.GroupTransactSession, writes string) error {
	fetches := session.PollFetches(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := fetches.Err(); err != nil {
		return err
	}
	if fetches.Empty() {
		return nil
	}
	if err := session.Begin(); err != nil {
		return err
	}
	var failed kgo.FirstErrPromise
	var bad error
	fetches.EachRecord(func(record *kgo.Record) {
		var c click
		if err := json.Unmarshal(record.Value, &c); err != nil {
			bad = fmt.Errorf("%s/%d@%d: %w", record.Topic, record.Partition, record.Offset, err)
			return
		}
		value, err := json.Marshal(scored{ID: c.ID, Seq: c.Seq, Score: score(c)})
		if err != nil {
			bad = err
			return
		}
		session.Produce(ctx, &kgo.Record{Topic: writes, Key: record.Key, Value: value, Timestamp: record.Timestamp}, failed.Promise())
	})
	// Where the group has moved on, or a record failed, the session aborts and goes back to what was committed.
	if _, err := session.End(ctx, kgo.TransactionEndTry(bad == nil && failed.Err() == nil)); err != nil {
		return err
	}
	return bad
}
