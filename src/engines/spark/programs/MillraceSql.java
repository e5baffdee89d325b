// The driver of `spark({ sql })`: each topic that the task reads is a view, statements run in turn, and the rows of the last one are written to the topic that it writes.
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

public class MillraceSql {
    /** Spark's own: lines from 1, columns from 0. */
    private static final Pattern PLACE = Pattern.compile("line (\\d+),? pos (\\d+)");
    private static final int REFUSED = 2;

    private static Map<String, String> source;
    private static String file;
    private static String statement;

    public static void main(String[] args) throws Exception {
        Thread.currentThread().setContextClassLoader(MillraceSql.class.getClassLoader());
        file = args[0];
        String outputMode = args[2];
        source = properties(System.getenv("MILLRACE_CONFIG"));
        SparkSession spark = SparkSession.builder().getOrCreate();
        for (String topic : System.getenv("MILLRACE_READS").split(",")) view(spark, topic, args.length > 3 ? args[3] : null);
        StreamingQuery query;
        try {
            query = write(result(spark, Files.readString(Path.of(args[1]))), outputMode);
        } catch (AnalysisException refused) {
            throw refusal(refused);
        }
        query.awaitTermination();
        spark.stop();
    }

    private static void view(SparkSession spark, String topic, String watermarkMs) {
        Dataset<Row> rows = spark.readStream().format("kafka").options(source).option("subscribe", topic).option("includeHeaders", "true").load()
            .selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value", "topic", "partition", "offset", "timestamp", "headers");
        if (watermarkMs != null) rows = rows.withWatermark("timestamp", watermarkMs + " milliseconds");
        rows.createOrReplaceTempView(topic.replaceAll("[^A-Za-z0-9_]", "_"));
    }

    /** Of the last statement. Each has been filled up with blanks to its place in the file, so that Spark names lines and columns of the file. */
    private static Dataset<Row> result(SparkSession spark, String statements) throws Exception {
        Dataset<Row> rows = null;
        for (String text : statements.split("\0")) {
            statement = text;
            rows = spark.sql(text);
        }
        List<String> columns = rows == null ? List.of() : Arrays.asList(rows.columns());
        if (!columns.contains("key") || !columns.contains("value")) throw refusal("the last statement says what is written: a SELECT of `key` and `value`, and of `row_id` where several rows of a batch may have one key. It gives " + (columns.isEmpty() ? "no rows" : String.join(", ", columns)));
        if (!rows.isStreaming()) throw refusal("the last statement reads no topic of this task: it would give the same rows for ever");
        return rows;
    }

    private static StreamingQuery write(Dataset<Row> rows, String outputMode) throws Exception {
        String trigger = System.getenv("MILLRACE_TRIGGER");
        if (trigger.equals("continuous")) return continuous(rows, outputMode);
        // For those who want to see what a kill between write and commit does: the time between the two.
        long holdMs = Long.parseLong(System.getenv().getOrDefault("LINKED_HOLD_MS", "0"));
        VoidFunction2<Dataset<Row>, Long> write = (batch, number) -> {
            MillraceRows.write(batch, number);
            Thread.sleep(holdMs);
        };
        DataStreamWriter<Row> writer = rows.writeStream().outputMode(outputMode).foreachBatch(write).option("checkpointLocation", System.getenv("MILLRACE_CHECKPOINTS"));
        if (trigger.equals("availableNow")) return writer.trigger(Trigger.AvailableNow()).start();
        if (trigger.equals("once")) return writer.trigger(Trigger.Once()).start();
        return writer.trigger(Trigger.ProcessingTime(Long.parseLong(System.getenv("MILLRACE_TRIGGER_MS")))).start();
    }

    /** Without batches there is no number of one: a row is known by its row_id alone. */
    private static StreamingQuery continuous(Dataset<Row> rows, String outputMode) throws Exception {
        boolean hasId = Arrays.asList(rows.columns()).contains("row_id");
        Dataset<Row> written = rows.selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value",
            hasId ? "array(named_struct('key', 'row', 'value', CAST(CAST(row_id AS STRING) AS BINARY))) AS headers" : "CAST(NULL AS ARRAY<STRUCT<key: STRING, value: BINARY>>) AS headers");
        return written.writeStream().outputMode(outputMode).format("kafka").option("kafka.bootstrap.servers", source.get("kafka.bootstrap.servers"))
            .option("topic", System.getenv("MILLRACE_WRITES")).option("checkpointLocation", System.getenv("MILLRACE_CHECKPOINTS"))
            .trigger(Trigger.Continuous(Long.parseLong(System.getenv("MILLRACE_TRIGGER_MS")))).start();
    }

    // ---------------------------------------------------------------- refusals

    private static Error refusal(AnalysisException refused) {
        Matcher place = PLACE.matcher(refused.getMessage());
        String said = refused.getMessage().strip().lines().findFirst().orElse("it gives no reason").replaceAll("\\s*\\(line \\d+, pos \\d+\\)|; line \\d+ pos \\d+;?", "");
        return place.find() ? refusal(Integer.parseInt(place.group(1)), Integer.parseInt(place.group(2)) + 1, said) : refusal(said);
    }

    /** Of the whole statement. */
    private static Error refusal(String said) {
        String blanks = statement == null ? "" : statement.substring(0, statement.length() - statement.stripLeading().length());
        return refusal(1 + (int) blanks.chars().filter(each -> each == '\n').count(), blanks.length() - blanks.lastIndexOf('\n'), said);
    }

    private static Error refusal(int line, int column, String said) {
        // In Millrace's own form, which its supervisor reads.
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        err.println("\u2716 CONFIG_INVALID  " + file + ":" + line + ":" + column + ": Spark refuses this statement: " + said);
        Runtime.getRuntime().halt(REFUSED);
        return new AssertionError("halted");
    }

    private static Map<String, String> properties(String path) throws Exception {
        Properties read = new Properties();
        try (FileInputStream in = new FileInputStream(path)) {
            read.load(in);
        }
        Map<String, String> options = new HashMap<>();
        read.forEach((name, value) -> options.put((String) name, (String) value));
        return options;
    }
}
