
/**
 * Writes a batch of Structured Streaming to Kafka so that a `distinct` behind it makes the result exact. For `foreachBatch`.
 *
 * A batch runs again, with the same number and over the same offsets, when the driver dies before the batch is committed; its sink has written it by then, or a part of
 * it. So each row has an id that is the same on a retry, in the header `row`: query/batch/row_id. `row_id` is a column that says what the row is about: the keys
 * that it was grouped by. A running number of the row would not do, since a shuffle may bring rows in another order. The query's id begins anew with its checkpoint.
 *
 * Millrace adds this class to a `.java` file that speaks of MillraceRows. For a jar of your own, copy it.
 */
final class MillraceRows {
    private MillraceRows() {
    }

    /** `batch` has the columns `key` (may be null) and `value`, and `row_id`, without which it is the key. Fails where two rows have the same: one of them would be lost. */
    static void write(org.apache.spark.sql.Dataset<org.apache.spark.sql.Row> batch, long number) {
        boolean hasId = java.util.Arrays.asList(batch.columns()).contains("row_id");
        org.apache.spark.sql.Dataset<org.apache.spark.sql.Row> rows = batch
            .selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value", "CAST(" + (hasId ? "row_id" : "key") + " AS STRING) AS row_id").persist();
        try {
            java.util.List<org.apache.spark.sql.Row> unfit = rows.groupBy("row_id").count().filter("row_id IS NULL OR count > 1").limit(1).collectAsList();
            if (!unfit.isEmpty()) {
                String id = unfit.get(0).getString(0);
                throw new IllegalStateException("batch " + number + " has " + (id == null ? "a row without a " : "two rows with the same ") + (hasId ? "row_id" : "key, which is their row_id where there is no such column")
                    + (id == null ? "" : ": " + id) + ". Give it a column row_id with what the row is about: the keys that it was grouped by.");
            }
            String query = batch.sparkSession().sparkContext().getLocalProperty("sql.streaming.queryId").substring(0, 8);
            rows.selectExpr("key", "value", "array(named_struct('key', 'row', 'value', CAST(concat('" + query + "/" + number + "/', row_id) AS BINARY))) AS headers")
                .write().format("kafka").option("kafka.bootstrap.servers", System.getenv("MILLRACE_BOOTSTRAP")).option("topic", System.getenv("MILLRACE_WRITES")).save();
        } finally {
            rows.unpersist();
        }
    }
}
