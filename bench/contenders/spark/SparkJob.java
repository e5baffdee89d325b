import static org.apache.spark.sql.functions.col;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.Trigger;

/**
 * Both jobs in Spark Structured Streaming, its own JSON functions and code generation, in two leagues by the first argument. Idiomatic: the whole event's schema
 * and default settings. Tuned: only the columns that are needed, as many shuffle partitions as cores, larger batches, event time from the record.
 *
 * Spark's Kafka sink has no transactions: what it writes is at least once, in both leagues. A batch is bounded (maxOffsetsPerTrigger), else the whole preloaded
 * input would be one batch and there would be no stream to measure; the bound is above what it does in a trigger's time. Make it faster.
 */
public class SparkJob {
    public static void main(String[] args) throws Exception {
        boolean tuned = args[0].equals("tuned");
        SparkSession.Builder builder = SparkSession.builder().master("local[" + Setting.THREADS + "]").appName(Setting.NAME)
            .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", tuned ? String.valueOf(Setting.THREADS) : String.valueOf(Setting.PARTITIONS))
            .config("spark.sql.streaming.metricsEnabled", "false").config("spark.local.dir", Setting.DIRECTORY + "/local").config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1");
        if (Setting.STATE.equals("rocksdb")) builder.config("spark.sql.streaming.stateStore.providerClass", "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider");
        SparkSession spark = builder.getOrCreate();
        spark.sparkContext().setLogLevel("WARN");
        Dataset<Row> records = spark.readStream().format("kafka").option("kafka.bootstrap.servers", Setting.BOOTSTRAP).option("subscribe", Setting.INPUT)
            .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", (tuned ? 400_000 : 100_000) * Math.max(1, Setting.COMMIT_MS / 1_000))
            .option("kafka.max.partition.fetch.bytes", tuned ? 8 << 20 : 1 << 20).option("kafka.max.poll.records", tuned ? 20_000 : 500).load();
        Dataset<Row> rows = Setting.JOB.equals("rekey") ? rekey(records) : Setting.JOB.equals("sessions") ? sessions(records, tuned) : Setting.JOB.equals("join") ? join(records, shoppers(spark), tuned) : count(records, tuned);
        DataStreamWriter<Row> writer = rows.writeStream().format("kafka").option("kafka.bootstrap.servers", Setting.BOOTSTRAP).option("topic", Setting.OUTPUT)
            .option("kafka.acks", "all").option("kafka.enable.idempotence", "true").option("kafka.compression.type", Setting.COMPRESSION)
            .option("checkpointLocation", Setting.DIRECTORY + "/checkpoints").outputMode(Setting.JOB.equals("count") ? "update" : "append")
            .trigger(Trigger.ProcessingTime(Setting.COMMIT_MS));
        if (tuned) writer = writer.option("kafka.batch.size", 512 << 10).option("kafka.linger.ms", 50);
        writer.start().awaitTermination();
    }

    private static Dataset<Row> rekey(Dataset<Row> records) {
        return records.selectExpr("from_json(CAST(value AS STRING), 'type STRING, shopper STRING, item STRING, price BIGINT, at BIGINT') AS event")
            .where("event.type <> 'view'")
            .selectExpr("event.item AS key", "to_json(struct(event.item, event.price, event.at)) AS value");
    }

    /** The table is read once as it is when a batch begins: a stream–static join, for Spark has no table of a stream. */
    private static Dataset<Row> shoppers(SparkSession spark) {
        return spark.read().format("kafka").option("kafka.bootstrap.servers", Setting.BOOTSTRAP).option("subscribe", Setting.TABLE).load()
            .selectExpr("CAST(key AS STRING) AS shopper", "get_json_object(CAST(value AS STRING), '$.tier') AS tier");
    }

    private static Dataset<Row> join(Dataset<Row> records, Dataset<Row> shoppers, boolean tuned) {
        Dataset<Row> events = records.selectExpr(tuned
            ? "from_json(CAST(value AS STRING), 'shopper STRING, item STRING, price BIGINT, at BIGINT') AS event"
            : "from_json(CAST(value AS STRING), 'type STRING, shopper STRING, item STRING, price BIGINT, at BIGINT') AS event").selectExpr("event.*");
        return events.join(tuned ? org.apache.spark.sql.functions.broadcast(shoppers.cache()) : shoppers, "shopper")
            .selectExpr("shopper AS key", "to_json(struct(shopper, tier, item, price, at)) AS value");
    }

    private static Dataset<Row> count(Dataset<Row> records, boolean tuned) {
        Dataset<Row> events = tuned
            ? records.selectExpr("get_json_object(CAST(value AS STRING), '$.item') AS item", "timestamp AS time")
            : records.selectExpr("from_json(CAST(value AS STRING), 'type STRING, shopper STRING, item STRING, price BIGINT, at BIGINT') AS event")
                .selectExpr("event.item AS item", "timestamp_millis(event.at) AS time");
        return events.withWatermark("time", "1 day")
            .groupBy(org.apache.spark.sql.functions.window(col("time"), "1 minute"), col("item")).count()
            .selectExpr("item AS key", "to_json(struct(item, unix_millis(window.start) AS `from`, count)) AS value");
    }

    /** Spark's session takes what comes before its end, the others' also what comes at it: hence the millisecond. A session is written once, when it is over. */
    private static Dataset<Row> sessions(Dataset<Row> records, boolean tuned) {
        Dataset<Row> events = tuned
            ? records.selectExpr("CAST(key AS STRING) AS shopper", "timestamp AS time")
            : records.selectExpr("from_json(CAST(value AS STRING), 'type STRING, shopper STRING, item STRING, price BIGINT, at BIGINT') AS event")
                .selectExpr("event.shopper AS shopper", "timestamp_millis(event.at) AS time");
        return events.withWatermark("time", "2 minutes")
            .groupBy(org.apache.spark.sql.functions.session_window(col("time"), "60001 milliseconds"), col("shopper")).count()
            .selectExpr("shopper AS key", "to_json(struct(shopper, unix_millis(session_window.start) AS `from`, unix_millis(session_window.end) - 60001 AS to, count)) AS value");
    }
}
