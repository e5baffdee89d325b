// A Spark Structured Streaming task of a Millrace graph: how many clicks each key has had so far, written once for each click.
// Run by `spark({ source: 'CountClicksSpark.java' })`; the options of its Kafka source, its checkpoint and its trigger come from its environment.
//
// Spark's Kafka sink writes a batch again when the driver dies before the batch is committed. So MillraceRows gives each row an id that is the same on a retry,
// made of batch, key and count, in a header. A batch has the same offsets, and starts from the same state, whenever it runs; the rows of a key are put in the
// order of their offsets first, since the order in which a shuffle brings them may change. A `distinct` on that header behind it makes the result exact.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.spark.api.java.function.FlatMapGroupsWithStateFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.GroupState;
import org.apache.spark.sql.streaming.GroupStateTimeout;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

public class CountClicksSpark {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final StructType COUNTED = new StructType()
        .add("key", DataTypes.StringType).add("value", DataTypes.StringType).add("count", DataTypes.LongType);

    public static void main(String[] args) throws Exception {
        // A .java file is compiled into a class loader of its own: Spark's tasks must find its classes there.
        Thread.currentThread().setContextClassLoader(CountClicksSpark.class.getClassLoader());
        Map<String, String> source = sourceOptions();
        // For those who want to see what a kill between write and commit does: the time between the two.
        long holdMs = Long.parseLong(System.getenv().getOrDefault("LINKED_HOLD_MS", "0"));
        SparkSession spark = SparkSession.builder().getOrCreate();

        Dataset<Row> clicks = spark.readStream().format("kafka").options(source).load()
            .selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value", "offset");
        Dataset<Row> counted = clicks
            .groupByKey((MapFunction<Row, String>) row -> row.getString(0), Encoders.STRING())
            .flatMapGroupsWithState((FlatMapGroupsWithStateFunction<String, Row, Long, Row>) CountClicksSpark::count,
                OutputMode.Append(), Encoders.LONG(), Encoders.row(COUNTED), GroupStateTimeout.NoTimeout());

        VoidFunction2<Dataset<Row>, Long> write = (batch, id) -> {
            MillraceRows.write(batch.selectExpr("key", "value", "concat_ws('/', key, count) AS row_id"), id);
            Thread.sleep(holdMs);
        };
        counted.writeStream().outputMode("append").foreachBatch(write)
            .option("checkpointLocation", System.getenv("MILLRACE_CHECKPOINTS"))
            .trigger(Trigger.ProcessingTime(Long.parseLong(System.getenv("MILLRACE_TRIGGER_MS"))))
            .start().awaitTermination();
    }

    private static Iterator<Row> count(String key, Iterator<Row> clicks, GroupState<Long> state) throws Exception {
        List<Row> inOrder = new ArrayList<>();
        clicks.forEachRemaining(inOrder::add);
        // One key, one partition: its offsets are its order.
        inOrder.sort(Comparator.comparingLong((Row row) -> row.getLong(2)));
        long count = state.exists() ? state.get() : 0;
        List<Row> rows = new ArrayList<>();
        for (Row click : inOrder) {
            ObjectNode value = (ObjectNode) JSON.readTree(click.getString(1));
            value.put("count", ++count);
            rows.add(RowFactory.create(key, JSON.writeValueAsString(value), count));
        }
        state.update(count);
        return rows.iterator();
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
