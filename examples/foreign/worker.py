#!/usr/bin/env python3
"""A task of a Millrace graph that is another process: reads, transforms and writes exactly once, with librdkafka.

Millrace starts it and tells it by its environment what it is:
  MILLRACE_BOOTSTRAP  the brokers          MILLRACE_GROUP   its consumer group
  MILLRACE_READS      topics it reads      MILLRACE_WRITES  topics it writes, both separated by commas
  MILLRACE_INSTANCE   0, or which one of several instances this is

Here it scores each click for fraud, and says the how-manieth of its shopper it is: that is its state. It is kept in memory and found again, after a kill
or when a partition comes from another instance, in its own output, which is there exactly once; one that runs for long keeps a compacted topic instead.
What makes it exact: read_committed on the way in, and one transaction for the
scores and the offsets that they come from, under a transactional id that stays the same, so that a restart fences what was before.
What makes a restart quick: a group instance id that stays the same, so that it takes back the partitions of the one that died.
"""
import json
import os
import signal
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

bootstrap = os.environ["MILLRACE_BOOTSTRAP"]
group = os.environ["MILLRACE_GROUP"]
reads = os.environ["MILLRACE_READS"].split(",")
writes = os.environ["MILLRACE_WRITES"].split(",")[0]
# Taken off, records of transactions that were aborted come in as well: for those who want to see the ledger turn red.
isolation = os.environ.get("WORKER_ISOLATION", "read_committed")
# So long the scoring of one click takes: for those who want to see a slow worker lag, and its neighbours go on.
score_ms = float(os.environ.get("WORKER_SCORE_MS", "0"))
# Half a second of work in a transaction, at the most.
batch = 500 if score_ms == 0 else max(1, int(500 / score_ms))
identity = f"{group}.{os.environ.get('MILLRACE_INSTANCE', '0')}"

running = True
supervisor = os.getppid()


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)

consumer = Consumer({"bootstrap.servers": bootstrap, "client.id": identity, "group.id": group, "group.instance.id": identity, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                     "isolation.level": isolation, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500})
# Java's partitioner, so that a key's records stay where a Millrace task would put them.
producer = Producer({"bootstrap.servers": bootstrap, "client.id": identity, "transactional.id": identity, "partitioner": "murmur2_random", "transaction.timeout.ms": 10000})
producer.init_transactions()
# How many clicks of each shopper, by partition: a key's clicks and its scores have the same one.
clicks = {}


def restore(_, partitions):
    """Reads what was written to these partitions, to the end of what is committed."""
    left = {partition.partition for partition in partitions}
    for partition in left:
        clicks[partition] = {}
    if not left:
        return
    own = Consumer({"bootstrap.servers": bootstrap, "client.id": f"{identity}.restore", "group.id": f"{group}.restore", "enable.auto.commit": False,
                    "isolation.level": "read_committed", "enable.partition.eof": True})
    own.assign([TopicPartition(writes, partition, OFFSET_BEGINNING) for partition in left])
    while left:
        for message in own.consume(500, 0.2):
            if message.error() is None:
                clicks[message.partition()][message.key()] = json.loads(message.value())["nth"]
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(message.error())
    own.close()


consumer.subscribe(reads, on_assign=restore)
print("ready", flush=True)


def score(click):
    """A click for much money late at night is suspicious; any model could stand here."""
    hour = click["at"] // 3_600_000 % 24
    return round(min(1.0, click["price"] / 1000 + (0.5 if hour < 5 else 0.0)), 3)


try:
    # A supervisor that was killed leaves no orphan.
    while running and os.getppid() == supervisor:
        messages = consumer.consume(batch, 0.2)
        if not messages:
            continue
        producer.begin_transaction()
        time.sleep(len(messages) * score_ms / 1000)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            click = json.loads(message.value())
            seen = clicks[message.partition()]
            seen[message.key()] = seen.get(message.key(), 0) + 1
            result = {"id": click["id"], "seq": click["seq"], "score": score(click), "nth": seen[message.key()]}
            producer.produce(writes, key=message.key(), value=json.dumps(result), timestamp=message.timestamp()[1])
        producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
        producer.commit_transaction()
except KafkaException as error:
    # Fenced, or the group moved on: ending is right, the supervisor starts it again and the open transaction is aborted.
    print(f"worker: {error}", file=sys.stderr)
    sys.exit(1)
finally:
    consumer.close()
