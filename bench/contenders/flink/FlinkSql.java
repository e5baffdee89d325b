import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * The second job in Flink SQL as its tuning guide teaches: mini-batches, two phases (counted locally before the shuffle, so far the same idea as Millrace's
 * combining), rows written again as their counts grow. Make it faster.
 */
public class FlinkSql {
    public static void main(String[] args) throws Exception {
        if (!Setting.JOB.equals("count")) throw new IllegalArgumentException("the SQL job is the count");
        StreamTableEnvironment tables = StreamTableEnvironment.create(FlinkLocal.environment(true));
        tables.getConfig().set("table.exec.mini-batch.enabled", "true");
        tables.getConfig().set("table.exec.mini-batch.allow-latency", Math.min(Setting.COMMIT_MS, 1000) + " ms");
        tables.getConfig().set("table.exec.mini-batch.size", "50000");
        tables.getConfig().set("table.optimizer.agg-phase-strategy", "TWO_PHASE");
        tables.executeSql("CREATE TABLE events (item STRING, `at` BIGINT) WITH ('connector' = 'kafka', 'topic' = '" + Setting.INPUT + "',"
            + " 'properties.bootstrap.servers' = '" + Setting.BOOTSTRAP + "', 'properties.group.id' = '" + Setting.NAME + "', 'scan.startup.mode' = 'earliest-offset',"
            + " 'properties.max.poll.records' = '20000', 'properties.fetch.max.bytes' = '67108864', 'properties.max.partition.fetch.bytes' = '8388608', 'format' = 'json')");
        tables.executeSql("CREATE TABLE counts (item STRING, `from` BIGINT, `count` BIGINT, PRIMARY KEY (item, `from`) NOT ENFORCED) WITH ('connector' = 'upsert-kafka',"
            + " 'topic' = '" + Setting.OUTPUT + "', 'properties.bootstrap.servers' = '" + Setting.BOOTSTRAP + "', 'key.format' = 'json', 'value.format' = 'json',"
            + " 'properties.compression.type' = '" + Setting.COMPRESSION + "', 'properties.transaction.timeout.ms' = '300000', 'properties.acks' = 'all', 'properties.batch.size' = '524288', 'properties.linger.ms' = '50',"
            + " 'sink.delivery-guarantee' = '" + (Setting.EXACTLY_ONCE ? "exactly-once" : "at-least-once") + "', 'sink.transactional-id-prefix' = '" + Setting.NAME + "')");
        tables.executeSql("INSERT INTO counts SELECT item, `at` - MOD(`at`, 60000), COUNT(*) FROM events GROUP BY item, `at` - MOD(`at`, 60000)").await();
    }
}
