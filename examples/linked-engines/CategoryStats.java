// Views, carts and purchases of each category so far, as a Spark Structured Streaming query in complete mode: each batch writes every category.
// Run by `spark({ source: 'CategoryStats.java' })`; the options of its Kafka source, its checkpoint and its trigger come from its environment.
//
// A batch that is run again after a kill writes the same totals under the same keys: whoever takes the last of a key sees no difference.
import java.io.FileInputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.Trigger;

public class CategoryStats {
    // With few clicks a category has the shop's own share: as if it had this many views more, with the shop's share of carts.
    private static final int PRIOR_VIEWS = 50;

    public static void main(String[] args) throws Exception {
        Map<String, String> source = sourceOptions();
        String output = System.getenv("MILLRACE_WRITES");
        SparkSession spark = SparkSession.builder().getOrCreate();

        Dataset<Row> stats = spark.readStream().format("kafka").options(source).load()
            .selectExpr("from_json(CAST(value AS STRING), 'type STRING, category STRING, at BIGINT') AS click")
            .where("click.category <> ''")
            .groupBy("click.category")
            .agg(
                org.apache.spark.sql.functions.expr("count_if(click.type = 'view') AS views"),
                org.apache.spark.sql.functions.expr("count_if(click.type = 'cart') AS carts"),
                org.apache.spark.sql.functions.expr("count_if(click.type = 'purchase') AS purchases"),
                org.apache.spark.sql.functions.expr("max(click.at) AS at"));

        VoidFunction2<Dataset<Row>, Long> write = (batch, id) -> batch
            .selectExpr("*", "(sum(carts) OVER () + 1) / (sum(views) OVER () + 1) AS share")
            .selectExpr("*", "(carts + " + PRIOR_VIEWS + " * share) / (views + " + PRIOR_VIEWS + ") / share AS lift")
            .selectExpr("category AS key", "to_json(struct(views, carts, purchases, lift, at)) AS value")
            .write().format("kafka").option("kafka.bootstrap.servers", source.get("kafka.bootstrap.servers")).option("topic", output).save();
        stats.writeStream().outputMode(OutputMode.Complete()).foreachBatch(write)
            .option("checkpointLocation", System.getenv("MILLRACE_CHECKPOINTS"))
            .trigger(Trigger.ProcessingTime(Long.parseLong(System.getenv("MILLRACE_TRIGGER_MS"))))
            .start().awaitTermination();
    }

    private static Map<String, String> sourceOptions() throws Exception {
        Properties read = new Properties();
        try (FileInputStream file = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            read.load(file);
        }
        Map<String, String> options = new HashMap<>();
        read.forEach((name, value) -> options.put((String) name, (String) value));
        return options;
    }
}
