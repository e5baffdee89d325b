import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.CompressionType;
import org.rocksdb.Options;

/**
 * Both jobs in Kafka Streams as its experts would write them: bytes in, bytes out, a scanner instead of a parser, large batches and fetches,
 * a record cache that holds every window, state in memory or in a RocksDB with large write buffers. Make it faster.
 */
public class StreamsTuned {
    private static final byte[] ONE = {1};

    public static void main(String[] args) {
        Properties settings = Setting.properties(
            "application.id", Setting.NAME, "bootstrap.servers", Setting.BOOTSTRAP, "auto.offset.reset", "earliest", "state.dir", Setting.DIRECTORY,
            "processing.guarantee", Setting.EXACTLY_ONCE ? "exactly_once_v2" : "at_least_once", "commit.interval.ms", String.valueOf(Setting.COMMIT_MS),
            "num.stream.threads", String.valueOf(Setting.THREADS), "producer.compression.type", Setting.COMPRESSION, "producer.acks", "all", "producer.transaction.timeout.ms", "60000",
            "topology.optimization", "all", "statestore.cache.max.bytes", String.valueOf(256L << 20), "buffered.records.per.partition", "20000",
            "input.buffer.max.bytes", String.valueOf(512L << 20), "log.summary.interval.ms", "-1", "metrics.recording.level", "INFO",
            "producer.batch.size", String.valueOf(512 << 10), "producer.linger.ms", "50", "producer.buffer.memory", String.valueOf(128L << 20), "producer.max.request.size", String.valueOf(4 << 20),
            "consumer.max.poll.records", "20000", "consumer.fetch.max.bytes", String.valueOf(64 << 20), "consumer.max.partition.fetch.bytes", String.valueOf(8 << 20),
            "consumer.fetch.min.bytes", String.valueOf(256 << 10), "consumer.fetch.max.wait.ms", "50", "consumer.receive.buffer.bytes", String.valueOf(1 << 20), "producer.send.buffer.bytes", String.valueOf(1 << 20));
        settings.put("rocksdb.config.setter", LargeBuffers.class);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], byte[]> events = builder.stream(Setting.INPUT, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
        if (Setting.JOB.equals("rekey")) events.process(Rekey::new).to(Setting.OUTPUT, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        else if (Setting.JOB.equals("sessions")) sessions(events);
        else if (Setting.JOB.equals("join")) join(events, builder);
        else count(events);
        KafkaStreams streams = new KafkaStreams(builder.build(settings), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
    }

    /** The repartition topic carries the item and one byte; event time is the record's own, which the harness sets to the event's. */
    private static void count(KStream<byte[], byte[]> events) {
        boolean isFinal = Setting.EMISSION.equals("final");
        Duration minute = Duration.ofMinutes(1), grace = isFinal ? Duration.ofMillis(Setting.GRACE_MS) : Duration.ofDays(1);
        Materialized<byte[], Long, WindowStore<Bytes, byte[]>> store = Setting.STATE.equals("memory")
            ? Materialized.as(Stores.inMemoryWindowStore("per-minute", minute.plus(grace), minute, false))
            : Materialized.as(Stores.persistentTimestampedWindowStore("per-minute", minute.plus(grace), minute, false));
        events.process(ItemOf::new)
            .groupByKey(Grouped.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .windowedBy(TimeWindows.ofSizeAndGrace(minute, grace))
            .emitStrategy(isFinal ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate())
            .count(store.withKeySerde(Serdes.ByteArray()).withValueSerde(Serdes.Long()).withCachingEnabled())
            .toStream()
            .map((window, count) -> KeyValue.pair(window.key(), Json.count(window.key(), window.window().start(), count)))
            .to(Setting.OUTPUT, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    /**
     * The shopper is the input's key, the time the record's: the value is never looked at. What is over is looked for once a second of wall time, in which catch-up
     * passes many minutes of event time: the store keeps a day, or sessions would be forgotten before they are written.
     */
    private static void sessions(KStream<byte[], byte[]> events) {
        Duration gap = Duration.ofMinutes(1), grace = Duration.ofSeconds(2);
        events.groupByKey(Grouped.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(gap, grace))
            .emitStrategy(EmitStrategy.onWindowClose())
            .count(Materialized.<byte[], Long>as(Stores.inMemorySessionStore("per-visit", Duration.ofDays(1))).withKeySerde(Serdes.ByteArray()).withValueSerde(Serdes.Long()))
            .toStream()
            .map((window, count) -> KeyValue.pair(window.key(), Json.session(window.key(), window.window().start(), window.window().end(), count)))
            .to(Setting.OUTPUT, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    /** The table lies in memory as bytes; its topic is its changelog (topology.optimization). */
    private static void join(KStream<byte[], byte[]> events, StreamsBuilder builder) {
        KTable<byte[], byte[]> shoppers = builder.table(Setting.TABLE, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()),
            Materialized.<byte[], byte[]>as(Stores.inMemoryKeyValueStore("shoppers")).withKeySerde(Serdes.ByteArray()).withValueSerde(Serdes.ByteArray()).withCachingDisabled());
        ThreadLocal<EventScanner> scanner = ThreadLocal.withInitial(() -> new EventScanner(EventScanner.ITEM | EventScanner.PRICE | EventScanner.AT));
        events.join(shoppers, (byte[] shopper, byte[] json, byte[] row) -> {
            EventScanner own = scanner.get();
            own.scan(json);
            return Json.joined(shopper, row, json, own);
        }, Joined.with(Serdes.ByteArray(), Serdes.ByteArray(), Serdes.ByteArray())).to(Setting.OUTPUT, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    /** Filter, map and re-key in one step. */
    private static final class Rekey extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        private final EventScanner scanner = new EventScanner(EventScanner.TYPE | EventScanner.ITEM | EventScanner.PRICE | EventScanner.AT);

        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] json = record.value();
            scanner.scan(json);
            if (scanner.isView(json)) return;
            context().forward(record.withKey(Arrays.copyOfRange(json, scanner.itemStart, scanner.itemEnd)).withValue(Json.order(json, scanner)));
        }
    }

    private static final class ItemOf extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        private final EventScanner scanner = new EventScanner(EventScanner.ITEM);

        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] json = record.value();
            scanner.scan(json);
            context().forward(record.withKey(Arrays.copyOfRange(json, scanner.itemStart, scanner.itemEnd)).withValue(ONE));
        }
    }

    public static final class LargeBuffers implements RocksDBConfigSetter {
        @Override
        public void setConfig(String storeName, Options options, Map<String, Object> configs) {
            BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
            table.setBlockSize(16 << 10);
            options.setTableFormatConfig(table);
            options.setWriteBufferSize(64L << 20);
            options.setMaxWriteBufferNumber(3);
            options.setCompressionType(CompressionType.NO_COMPRESSION);
        }

        @Override
        public void close(String storeName, Options options) {}
    }
}
