import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Nexmark queries in Flink SQL with its tuning guide's settings (mini-batch, two phases, object reuse, large fetches and batches); bench/contenders/millrace/nexmark.ts
 * has the same ones. Windows and sessions are written once, when the watermark has passed; q17 and q18 again as they change. Make them faster.
 */
public class NexmarkSql {
    private static final String BID = "auction BIGINT, bidder BIGINT, price BIGINT, `at` BIGINT";

    public static void main(String[] args) throws Exception {
        StreamTableEnvironment tables = StreamTableEnvironment.create(FlinkLocal.environment(true));
        tables.getConfig().set("table.local-time-zone", "UTC");
        tables.getConfig().set("table.exec.mini-batch.enabled", "true");
        tables.getConfig().set("table.exec.mini-batch.allow-latency", Math.min(Setting.COMMIT_MS, 1000) + " ms");
        tables.getConfig().set("table.exec.mini-batch.size", "50000");
        tables.getConfig().set("table.optimizer.agg-phase-strategy", "TWO_PHASE");
        tables.executeSql(source("person", "id BIGINT, name STRING, city STRING, state STRING, `at` BIGINT"));
        tables.executeSql(source("auction", "id BIGINT, seller BIGINT, category BIGINT, `at` BIGINT"));
        tables.executeSql(source("bid", "auction BIGINT, bidder BIGINT, price BIGINT, url STRING, `at` BIGINT"));
        run(tables, Setting.JOB);
    }

    private static void run(StreamTableEnvironment tables, String query) throws Exception {
        switch (query) {
            case "q0": insert(tables, BID, null, "SELECT auction, bidder, price, `at` FROM bid"); break;
            case "q1": insert(tables, BID, null, "SELECT auction, bidder, price * 908, `at` FROM bid"); break;
            case "q2": insert(tables, "auction BIGINT, price BIGINT, `at` BIGINT", null, "SELECT auction, price, `at` FROM bid WHERE MOD(auction, 123) = 0"); break;
            case "q3": insert(tables, "name STRING, city STRING, state STRING, auction BIGINT, `at` BIGINT", null,
                "SELECT P.name, P.city, P.state, A.id, A.`at` FROM auction A JOIN person P ON A.seller = P.id WHERE A.category = 10 AND P.state IN ('OR', 'ID', 'CA')"); break;
            case "q7": insert(tables, BID + ", `from` BIGINT", null, "SELECT B.auction, B.bidder, B.price, B.`at`, B.`at` - MOD(B.`at`, 10000)"
                + " FROM (SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) B"
                + " JOIN (SELECT MAX(price) AS price, window_start, window_end FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) M"
                + " ON B.price = M.price AND B.window_start = M.window_start AND B.window_end = M.window_end"); break;
            case "q8": insert(tables, "id BIGINT, name STRING, `from` BIGINT", null, "SELECT P.id, P.name, P.f"
                + " FROM (SELECT id, name, MIN(`at` - MOD(`at`, 10000)) AS f, window_start, window_end FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY id, name, window_start, window_end) P"
                + " JOIN (SELECT seller, window_start, window_end FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY seller, window_start, window_end) A"
                + " ON P.id = A.seller AND P.window_start = A.window_start AND P.window_end = A.window_end"); break;
            case "q11": insert(tables, "bidder BIGINT, `count` BIGINT, `from` BIGINT, `to` BIGINT", null, "SELECT bidder, COUNT(*), MIN(`at`), MAX(`at`)"
                + " FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY bidder, window_start, window_end"); break;
            case "q17": insert(tables, "auction BIGINT, `from` BIGINT, total BIGINT, lowest BIGINT, highest BIGINT, `sum` BIGINT", "auction, `from`",
                "SELECT auction, `at` - MOD(`at`, 86400000), COUNT(*), MIN(price), MAX(price), SUM(price) FROM bid GROUP BY auction, `at` - MOD(`at`, 86400000)"); break;
            case "q18": insert(tables, BID, "auction, bidder", "SELECT auction, bidder, price, `at` FROM"
                + " (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY `at` DESC, price DESC) AS place FROM bid) WHERE place <= 1"); break;
            case "q20": insert(tables, BID + ", seller BIGINT", null, "SELECT B.auction, B.bidder, B.price, B.`at`, A.seller FROM bid B JOIN auction A ON B.auction = A.id WHERE A.category = 10"); break;
            case "q22": insert(tables, BID + ", one STRING, two STRING, three STRING", null,
                "SELECT auction, bidder, price, `at`, SPLIT_INDEX(url, '/', 3), SPLIT_INDEX(url, '/', 4), SPLIT_INDEX(url, '/', 5) FROM bid"); break;
            default: throw new IllegalArgumentException("there is no query " + query);
        }
    }

    private static String source(String kind, String columns) {
        return "CREATE TABLE " + kind + " (" + columns + ", ts AS TO_TIMESTAMP_LTZ(`at`, 3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'kafka',"
            + " 'topic' = '" + Setting.INPUT + "." + kind + "', 'properties.bootstrap.servers' = '" + Setting.BOOTSTRAP + "', 'properties.group.id' = '" + Setting.NAME + "',"
            + " 'scan.startup.mode' = 'earliest-offset', 'properties.max.poll.records' = '20000', 'properties.fetch.max.bytes' = '67108864',"
            + " 'properties.max.partition.fetch.bytes' = '8388608', 'format' = 'json')";
    }

    private static void insert(StreamTableEnvironment tables, String columns, String key, String select) throws Exception {
        tables.executeSql("CREATE TABLE results (" + columns + (key == null ? "" : ", PRIMARY KEY (" + key + ") NOT ENFORCED") + ") WITH ("
            + (key == null ? "'connector' = 'kafka', 'format' = 'json'" : "'connector' = 'upsert-kafka', 'key.format' = 'json', 'value.format' = 'json'")
            + ", 'topic' = '" + Setting.OUTPUT + "', 'properties.bootstrap.servers' = '" + Setting.BOOTSTRAP + "', 'properties.compression.type' = '" + Setting.COMPRESSION + "',"
            + " 'properties.transaction.timeout.ms' = '300000', 'properties.acks' = 'all', 'properties.batch.size' = '524288', 'properties.linger.ms' = '50',"
            + " 'sink.delivery-guarantee' = '" + (Setting.EXACTLY_ONCE ? "exactly-once" : "at-least-once") + "', 'sink.transactional-id-prefix' = '" + Setting.NAME + "')");
        tables.executeSql("INSERT INTO results " + select).await();
    }
}
