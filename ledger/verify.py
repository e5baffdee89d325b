#!/usr/bin/env python3
"""The ledger's second verifier: the same rules as ledger/verify.mjs (read its head first), with librdkafka as the client.

    python3 ledger/verify.py --bootstrap localhost:9092 --ledger FILE.json [--timeout SECONDS]

Imports nothing of Millrace. Ends with 0 where the books balance, 1 where not, 3 where it could not finish reading.
"""
import argparse
import json
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

arguments = argparse.ArgumentParser()
arguments.add_argument("--bootstrap", required=True)
arguments.add_argument("--ledger", required=True)
arguments.add_argument("--timeout", type=float, default=120)
args = arguments.parse_args()

with open(args.ledger, encoding="utf-8") as file:
    balances = json.load(file)["balances"]
deadline = time.monotonic() + args.timeout
admin = AdminClient({"bootstrap.servers": args.bootstrap})
consumer = Consumer({"bootstrap.servers": args.bootstrap, "group.id": "ledger-py", "enable.auto.commit": False,
                     "isolation.level": "read_committed", "enable.partition.eof": True, "fetch.wait.max.ms": 50, "auto.offset.reset": "earliest"})
books = [{"in": {}, "out": {}, "order": {}, "out_of_order": 0, "examples": []} for _ in balances]


def identity(rule, message):
    if rule == "coordinates":
        return f"{message.partition()}@{message.offset()}"
    if rule == "key":
        return message.key().decode()
    if rule.startswith("header:"):
        return dict(message.headers() or [])[rule[7:]].decode()
    value = json.loads(message.value())
    for field in rule[len("value:"):].split("."):
        value = value.get(field)
    # As JavaScript writes it, so that both verifiers compare the same text.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def enter(message):
    for balance, book in zip(balances, books):
        if message.topic() == balance["in"]["topic"]:
            book["in"][identity(balance["in"]["id"], message)] = (message.partition(), message.offset())
        if message.topic() == balance["out"]["topic"]:
            name = identity(balance["out"]["id"], message)
            book["out"][name] = book["out"].get(name, 0) + 1
            if book["out"][name] > 1 and len(book["examples"]) < 10:
                book["examples"].append(f"doubled {name}: {message.topic()}/{message.partition()}@{message.offset()}")
            if "order" in balance["out"]:
                key = (message.partition(), message.key())
                now = float(identity(balance["out"]["order"], message))
                if now < book["order"].get(key, float("-inf")):
                    book["out_of_order"] += 1
                    book["examples"].append(f"out of order: {message.topic()}/{message.partition()}@{message.offset()}")
                else:
                    book["order"][key] = now


def committed_offsets():
    offsets = {}
    for balance in balances:
        request = [ConsumerGroupTopicPartitions(balance["group"])]
        for future in admin.list_consumer_group_offsets(request).values():
            for part in future.result().topic_partitions:
                offsets[(balance["group"], part.topic, part.partition)] = part.offset
    return offsets


# A leader has moved, or a broker come back: the client knows where to when it has asked for the metadata again.
MOVED = {KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}


def offset_of(topic, partition, spec):
    place = TopicPartition(topic, partition)
    while True:
        try:
            # Uncommitted on purpose: what an open transaction holds back may be records like any others, and is waited for.
            return admin.list_offsets({place: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED)[place].result().offset
        except KafkaException as error:
            if error.args[0].code() not in MOVED or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            admin.list_topics(timeout=30)


def read_to_the_end(topics):
    metadata = consumer.list_topics(timeout=30)
    ends, parts = {}, []
    for topic in topics:
        for partition in metadata.topics[topic].partitions:
            low, high = (offset_of(topic, partition, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
            if high > low:
                ends[(topic, partition)] = high
            parts.append(TopicPartition(topic, partition, 0 if low == 0 else low))
    consumer.assign(parts)
    while ends:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not read to the end: {ends}; an open transaction may hold it")
        message = consumer.poll(0.1)
        if message is None:
            continue
        place = (message.topic(), message.partition())
        if message.error() is None:
            enter(message)
            reached = message.offset() + 1
        elif message.error().code() == KafkaError._PARTITION_EOF:
            reached = message.offset()
        elif message.error().code() in MOVED:
            continue
        else:
            raise RuntimeError(message.error().str())
        if place in ends and reached >= ends[place]:
            del ends[place]


def account(balance, book, committed):
    lost = pending = counted = 0
    examples = list(book["examples"])
    for name, (partition, offset) in book["in"].items():
        if name in book["out"]:
            counted += 1
        elif offset < committed.get((balance["group"], balance["in"]["topic"], partition), 0):
            lost += 1
            examples.append(f"lost {name}: {balance['in']['topic']}/{partition}@{offset}")
        else:
            pending += 1
    strangers = [name for name in book["out"] if name not in book["in"]]
    examples += [f"foreign {name}" for name in strangers[:5]]
    doubled = sum(times - 1 for times in book["out"].values())
    return {"name": balance["name"], "in": len(book["in"]), "counted": counted, "pending": pending, "lost": lost, "doubled": doubled,
            "foreign": len(strangers), "outOfOrder": book["out_of_order"], "examples": examples[:20]}


try:
    cut = committed_offsets()
    inputs = {balance["in"]["topic"] for balance in balances}
    # Outputs first: every output that was read then has its input before the inputs' ends, which are asked for afterwards.
    read_to_the_end({balance["out"]["topic"] for balance in balances} - inputs)
    read_to_the_end(inputs)
except Exception as error:  # whatever the cause, the books could not be read, and that is what the caller must know
    print(f"ledger: could not finish: {error}", file=sys.stderr)
    sys.exit(3)
finally:
    consumer.close()
accounts = [account(balance, book, cut) for balance, book in zip(balances, books)]
balanced = all(each["lost"] + each["doubled"] + each["foreign"] + each["outOfOrder"] == 0 for each in accounts)
print(json.dumps({"balanced": balanced, "balances": accounts}))
sys.exit(0 if balanced else 1)
