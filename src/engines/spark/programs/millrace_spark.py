"""Writes a batch of Structured Streaming to Kafka so that a `distinct` behind it makes the result exact. For `foreachBatch`.

A batch runs again, with the same number and over the same offsets, when the driver dies before the batch is committed; its sink has written it by then, or a
part of it. So each row has an id that is the same on a retry, in the header `row`: query/batch/row_id. `row_id` is a column that says what the row is about: the
keys that it was grouped by. A running number of the row would not do, since a shuffle may bring rows in another order. The query's id begins anew with its checkpoint.
"""
import json
import os


def source_options():
    """The options of the Kafka source, for `readStream.format("kafka").options(**source_options())`."""
    options = {}
    with open(os.environ["MILLRACE_CONFIG"], encoding="latin-1") as file:
        for line in file:
            name, _, value = line.rstrip("\n").partition("=")
            options[_unescaped(name)] = _unescaped(value)
    return options


def write_rows(batch, number):
    """`batch` has the columns `key` (may be null) and `value`, and `row_id`, without which it is the key. Fails where two rows have the same: one would be lost."""
    has_id = "row_id" in batch.columns
    rows = batch.selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value", f"CAST({'row_id' if has_id else 'key'} AS STRING) AS row_id").persist()
    try:
        for unfit in rows.groupBy("row_id").count().filter("row_id IS NULL OR count > 1").limit(1).collect():
            what = "row_id" if has_id else "key, which is their row_id where there is no such column"
            which = f"a row without a {what}" if unfit["row_id"] is None else f"two rows with the same {what}: {unfit['row_id']}"
            raise ValueError(f"batch {number} has {which}. Give it a column row_id with what the row is about: the keys that it was grouped by.")
        with open(os.path.join(os.environ["MILLRACE_CHECKPOINTS"], "metadata"), encoding="utf-8") as file:
            query = json.load(file)["id"][:8]
        (rows.selectExpr("key", "value", f"array(named_struct('key', 'row', 'value', CAST(concat('{query}/{number}/', row_id) AS BINARY))) AS headers")
            .write.format("kafka").option("kafka.bootstrap.servers", os.environ["MILLRACE_BOOTSTRAP"]).option("topic", os.environ["MILLRACE_WRITES"]).save())
    finally:
        rows.unpersist()


def trigger():
    """For `writeStream.trigger(**trigger())`."""
    kind = os.environ["MILLRACE_TRIGGER"]
    interval = f"{os.environ.get('MILLRACE_TRIGGER_MS', '')} milliseconds"
    return {kind: interval} if kind in ("processingTime", "continuous") else {kind: True}


def _unescaped(text):
    return text.encode("latin-1").decode("unicode_escape")
