// How many clicks each shopper has made so far, written once for each click with a score, by Spark Streaming (DStreams), in the two ways that it has with Kafka. Run by `spark({ api, source, args: [api] })`, api being `direct` or `receiver`.
//
//   direct     Each batch is a range of offsets that the job itself has chosen: one task partition for each partition of the topic, read from Kafka when
//              it is worked on. The ranges are committed in the transaction that writes the results, so there is no moment at which one is there
//              without the other: a batch that was under way at a kill is aborted, and runs again over the same offsets. The counts are found again in the
//              results that were committed: a checkpoint of Spark's would be of another moment than the transaction.
//   receiver   A Receiver holds a consumer, and pushes what comes into Spark's memory, where batches pick it up. Its positions are committed when
//              Spark has taken the records, not when results are out: what lies between is lost with the driver, unless Spark has written it to its
//              log first (spark.streaming.receiver.writeAheadLog.enable). With the log it is worked on again after a kill, and so are batches whose
//              results were written and not yet checked off: these come out twice. The counts are Spark's state (mapWithState), which goes back to its checkpoint
//              and is made anew from the log: a row that comes twice has the same count. Without the log the counts lack what was lost.
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.Optional;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.streaming.Durations;
import org.apache.spark.streaming.State;
import org.apache.spark.streaming.StateSpec;
import org.apache.spark.streaming.api.java.JavaInputDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kafka010.ConsumerStrategies;
import org.apache.spark.streaming.kafka010.HasOffsetRanges;
import org.apache.spark.streaming.kafka010.KafkaUtils;
import org.apache.spark.streaming.kafka010.LocationStrategies;
import org.apache.spark.streaming.kafka010.OffsetRange;
import org.apache.spark.streaming.receiver.Receiver;
import scala.Tuple2;

public class ClicksByDStream {
    /** Of the driver; made when it is first needed, since a driver that comes back from its checkpoint runs nothing else of `main`. */
    private static KafkaProducer<String, String> plain;

    public static void main(String[] args) throws Exception {
        // A .java file is compiled into a class loader of its own: Spark's tasks must find its classes there.
        Thread.currentThread().setContextClassLoader(ClicksByDStream.class.getClassLoader());
        JavaStreamingContext context = args[0].equals("direct") ? direct()
            : JavaStreamingContext.getOrCreate(System.getenv("MILLRACE_CHECKPOINTS"), ClicksByDStream::receiver);
        context.start();
        context.awaitTermination();
    }

    // ---------------------------------------------------------------- direct

    private static JavaStreamingContext direct() throws Exception {
        KafkaProducer<String, String> producer = new KafkaProducer<>(producerConfig(System.getenv("MILLRACE_GROUP")));
        // Ends what a dead driver has left open, before positions are read: they are then what its last transaction committed.
        producer.initTransactions();
        Map<String, Long> counts = committedCounts();
        JavaStreamingContext context = new JavaStreamingContext(new SparkConf(), batchInterval());
        Map<String, Object> consumer = consumerConfig();
        // Assigned, not subscribed: the job owns its offset ranges, and waits for no group after a kill. It starts where its group has committed.
        JavaInputDStream<ConsumerRecord<String, String>> clicks = KafkaUtils.createDirectStream(context, LocationStrategies.PreferConsistent(),
            ConsumerStrategies.<String, String>Assign(partitions(consumer), consumer));
        clicks.foreachRDD(batch -> {
            OffsetRange[] ranges = ((HasOffsetRanges) batch.rdd()).offsetRanges();
            try {
                commitTogether(producer, counted(counts, batch.map(click -> new Tuple2<>(click.key(), click.value())).collect()), ranges);
            } catch (Throwable failed) {
                // Spark would go on with the next batch, which would commit over the offsets of this one.
                failed.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        });
        return context;
    }

    private static void commitTogether(KafkaProducer<String, String> producer, List<Tuple2<String, String>> rows, OffsetRange[] ranges) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (OffsetRange range : ranges) {
            if (range.count() > 0) next.put(range.topicPartition(), new OffsetAndMetadata(range.untilOffset()));
        }
        if (next.isEmpty()) return;
        producer.beginTransaction();
        write(producer, rows);
        hold(rows);
        producer.sendOffsetsToTransaction(next, new ConsumerGroupMetadata(System.getenv("MILLRACE_GROUP")));
        producer.commitTransaction();
    }

    private static List<TopicPartition> partitions(Map<String, Object> config) {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config)) {
            return topics().stream().flatMap(topic -> partitionsOf(consumer, topic).stream()).collect(Collectors.toList());
        }
    }

    private static List<TopicPartition> partitionsOf(KafkaConsumer<String, String> consumer, String topic) {
        return consumer.partitionsFor(topic).stream().map(found -> new TopicPartition(found.topic(), found.partition())).collect(Collectors.toList());
    }

    /** A batch comes partition by partition, so clicks of a shopper come in their order. */
    private static List<Tuple2<String, String>> counted(Map<String, Long> counts, List<Tuple2<String, String>> clicks) {
        return clicks.stream().map(click -> new Tuple2<>(click._1(), scored(click._2(), counts.merge(click._1(), 1L, Long::sum)))).collect(Collectors.toList());
    }

    /** As the last results of each shopper say. */
    private static Map<String, Long> committedCounts() throws Exception {
        Map<String, Long> counts = new HashMap<>();
        Map<String, Object> config = consumerConfig();
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config)) {
            List<TopicPartition> results = partitionsOf(consumer, System.getenv("MILLRACE_WRITES"));
            consumer.assign(results);
            consumer.seekToBeginning(results);
            Map<TopicPartition, Long> ends = consumer.endOffsets(results);
            while (results.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<String, String> row : consumer.poll(java.time.Duration.ofMillis(100))) counts.put(row.key(), countOf(row.value()));
            }
        }
        return counts;
    }

    private static long countOf(String row) {
        return Long.parseLong(row.substring(row.lastIndexOf(':') + 1, row.lastIndexOf('}')).trim());
    }

    // ---------------------------------------------------------------- receiver

    private static JavaStreamingContext receiver() throws Exception {
        JavaStreamingContext context = new JavaStreamingContext(new SparkConf(), batchInterval());
        context.checkpoint(System.getenv("MILLRACE_CHECKPOINTS"));
        context.receiverStream(new KafkaReceiver()).mapToPair(click -> click).mapWithState(StateSpec.function(ClicksByDStream::countedByState)).foreachRDD(batch -> {
            List<Tuple2<String, String>> rows = batch.collect();
            if (plain == null) plain = new KafkaProducer<>(producerConfig(null));
            write(plain, rows);
            hold(rows);
        });
        return context;
    }

    private static Tuple2<String, String> countedByState(String shopper, Optional<String> click, State<Long> count) {
        long now = (count.exists() ? count.get() : 0) + 1;
        count.update(now);
        return new Tuple2<>(shopper, scored(click.get(), now));
    }

    /** Reliable, in Spark's words: a position is committed when Spark has said that it has the records. */
    public static class KafkaReceiver extends Receiver<Tuple2<String, String>> {
        public KafkaReceiver() {
            super(StorageLevel.MEMORY_AND_DISK_SER());
        }

        @Override
        public void onStart() {
            new Thread(this::receive, "kafka-receiver").start();
        }

        @Override
        public void onStop() {
            // The thread looks whether it is stopped.
        }

        private void receive() {
            try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(memberConfig())) {
                consumer.subscribe(topics());
                while (!isStopped()) {
                    List<Tuple2<String, String>> taken = new ArrayList<>();
                    for (ConsumerRecord<String, String> click : consumer.poll(java.time.Duration.ofMillis(100))) taken.add(new Tuple2<>(click.key(), click.value()));
                    if (taken.isEmpty()) continue;
                    // Returns when the block is stored, and with the log on, written to it.
                    store(taken.iterator());
                    consumer.commitSync();
                }
            } catch (Throwable failed) {
                restart("the consumer failed", failed);
            }
        }
    }

    /** A member under a fixed name takes its place again at once when it comes back. */
    private static Map<String, Object> memberConfig() throws Exception {
        Map<String, Object> config = consumerConfig();
        config.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, "receiver");
        return config;
    }

    // ---------------------------------------------------------------- both

    /** What the job is for: each click comes out with a score, and with its number among its shopper's. */
    static String scored(String click, long count) {
        return click.substring(0, click.lastIndexOf('}')) + ",\"score\":" + (click.hashCode() & 0xff) + ",\"count\":" + count + "}";
    }

    private static void write(KafkaProducer<String, String> producer, List<Tuple2<String, String>> rows) {
        String output = System.getenv("MILLRACE_WRITES");
        for (Tuple2<String, String> row : rows) producer.send(new ProducerRecord<>(output, row._1(), row._2()));
        producer.flush();
    }

    /** For those who want to see what a kill between write and commit does: the time between the two. */
    private static void hold(List<Tuple2<String, String>> rows) throws InterruptedException {
        if (!rows.isEmpty()) Thread.sleep(Long.parseLong(System.getenv().getOrDefault("LINKED_HOLD_MS", "0")));
    }

    private static org.apache.spark.streaming.Duration batchInterval() {
        return Durations.milliseconds(Long.parseLong(System.getenv("MILLRACE_TRIGGER_MS")));
    }

    private static List<String> topics() {
        return Arrays.asList(System.getenv("MILLRACE_READS").split(","));
    }

    /** What Millrace says of this task: bootstrap.servers, group.id, isolation.level, auto.offset.reset. */
    private static Map<String, Object> consumerConfig() throws Exception {
        Properties read = new Properties();
        try (FileInputStream file = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            read.load(file);
        }
        Map<String, Object> config = new HashMap<>();
        read.forEach((name, value) -> config.put((String) name, value));
        config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        return config;
    }

    private static Map<String, Object> producerConfig(String transactionalId) {
        Map<String, Object> config = new HashMap<>();
        config.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("MILLRACE_BOOTSTRAP"));
        config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 5);
        if (transactionalId != null) config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        return config;
    }
}
