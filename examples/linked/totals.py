"""A Spark task of a Millrace graph: clicks of each shopper so far, in Python. Run by `spark({ python: 'totals.py' })`."""
import os
import time

from pyspark.sql import SparkSession
from millrace_spark import source_options, trigger, write_rows

# For those who want to see what a kill between write and commit does: the time between the two.
HOLD_SECONDS = int(os.environ.get("LINKED_HOLD_MS", "0")) / 1000


def write(batch, number):
    write_rows(batch, number)
    time.sleep(HOLD_SECONDS)


spark = SparkSession.builder.getOrCreate()
clicks = spark.readStream.format("kafka").options(**source_options()).load()
totals = clicks.groupBy(clicks.key.cast("string").alias("key")).count().selectExpr("key", "to_json(named_struct('count', count)) AS value")
query = totals.writeStream.outputMode("update").foreachBatch(write).option("checkpointLocation", os.environ["MILLRACE_CHECKPOINTS"]).trigger(**trigger()).start()
query.awaitTermination()
