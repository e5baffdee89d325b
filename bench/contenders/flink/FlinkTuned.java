import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * Both jobs in Flink as its experts would write them: object reuse, the deserialization schema does the work on the bytes (one chain, no object but the row),
 * event time from the record, pooled transactional ids, large fetches and batches. State on the heap or in RocksDB. Make it faster.
 */
public class FlinkTuned {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = FlinkLocal.environment(true);
        if (Setting.JOB.equals("rekey")) {
            env.fromSource(source(new Orders()), WatermarkStrategy.noWatermarks(), "events").sinkTo(sink());
        } else if (Setting.JOB.equals("join")) {
            env.fromSource(FlinkTuned.<byte[][]>source(Setting.INPUT).setDeserializer(new Pairs()).build(), WatermarkStrategy.noWatermarks(), "events").keyBy(new ShopperOf())
                .connect(env.fromSource(FlinkTuned.<byte[][]>source(Setting.TABLE).setDeserializer(new Pairs()).build(), WatermarkStrategy.noWatermarks(), "shoppers").keyBy(new ShopperOf()))
                .process(new Enrich()).sinkTo(sink());
        } else if (Setting.JOB.equals("sessions")) {
            env.fromSource(shoppers(), WatermarkStrategy.<String>forBoundedOutOfOrderness(Duration.ofSeconds(2)), "events")
                .keyBy(shopper -> shopper)
                .window(EventTimeSessionWindows.withGap(Duration.ofMinutes(1)))
                .aggregate(new Count(), new ToSession())
                .sinkTo(sink());
        } else {
            env.fromSource(source(new Items()), WatermarkStrategy.<String>forBoundedOutOfOrderness(Duration.ofSeconds(2)), "events")
                .keyBy(item -> item)
                .window(TumblingEventTimeWindows.of(Duration.ofMinutes(1)))
                .aggregate(new Count(), new ToRow())
                .sinkTo(sink());
        }
        env.execute(Setting.NAME);
    }

    private static <T> KafkaSource<T> source(DeserializationSchema<T> schema) {
        return FlinkTuned.<T>source(Setting.INPUT).setValueOnlyDeserializer(schema).build();
    }

    /** The shopper is the record's key: the value is never looked at. */
    private static KafkaSource<String> shoppers() {
        return FlinkTuned.<String>source(Setting.INPUT).setDeserializer(new Keys()).build();
    }

    private static final class Keys implements KafkaRecordDeserializationSchema<String> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<String> out) { out.collect(new String(record.key(), StandardCharsets.ISO_8859_1)); }
        @Override public TypeInformation<String> getProducedType() { return Types.STRING; }
    }

    private static <T> KafkaSourceBuilder<T> source(String topic) {
        return KafkaSource.<T>builder()
            .setBootstrapServers(Setting.BOOTSTRAP).setTopics(topic).setGroupId(Setting.NAME)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setProperties(Setting.properties("max.poll.records", "20000", "fetch.max.bytes", String.valueOf(64 << 20), "max.partition.fetch.bytes", String.valueOf(8 << 20),
                "fetch.min.bytes", String.valueOf(256 << 10), "fetch.max.wait.ms", "50", "receive.buffer.bytes", String.valueOf(1 << 20)));
    }

    /** Key and value as they are. */
    private static final class Pairs implements KafkaRecordDeserializationSchema<byte[][]> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<byte[][]> out) { out.collect(new byte[][] {record.key(), record.value()}); }
        @Override public TypeInformation<byte[][]> getProducedType() { return Types.OBJECT_ARRAY(bytes()); }
    }

    private static final class ShopperOf implements KeySelector<byte[][], String> {
        @Override public String getKey(byte[][] pair) { return new String(pair[0], StandardCharsets.ISO_8859_1); }
    }

    /** What comes before its shopper waits, since Flink reads two inputs in no order. */
    public static final class Enrich extends KeyedCoProcessFunction<String, byte[][], byte[][], byte[]> {
        private transient ValueState<byte[]> shopper;
        private transient ListState<byte[]> waiting;
        private transient EventScanner scanner;

        @Override
        public void open(OpenContext context) {
            shopper = getRuntimeContext().getState(new ValueStateDescriptor<>("shopper", bytes()));
            waiting = getRuntimeContext().getListState(new ListStateDescriptor<>("waiting", bytes()));
            scanner = new EventScanner(EventScanner.ITEM | EventScanner.PRICE | EventScanner.AT);
        }

        @Override
        public void processElement1(byte[][] event, Context context, Collector<byte[]> out) throws Exception {
            byte[] row = shopper.value();
            if (row == null) waiting.add(event[1]);
            else out.collect(joined(event[0], row, event[1]));
        }

        @Override
        public void processElement2(byte[][] row, Context context, Collector<byte[]> out) throws Exception {
            shopper.update(row[1]);
            for (byte[] event : waiting.get()) out.collect(joined(row[0], row[1], event));
            waiting.clear();
        }

        private byte[] joined(byte[] key, byte[] row, byte[] event) {
            scanner.scan(event);
            return Json.joined(key, row, event, scanner);
        }
    }

    /** Filter and map while deserializing: what is not wanted never becomes a record. */
    public static final class Orders implements DeserializationSchema<byte[]> {
        private transient EventScanner scanner;

        @Override
        public void open(InitializationContext context) {
            scanner = new EventScanner(EventScanner.TYPE | EventScanner.ITEM | EventScanner.PRICE | EventScanner.AT);
        }

        /** Null is left out by the source. */
        @Override
        public byte[] deserialize(byte[] json) {
            scanner.scan(json);
            return scanner.isView(json) ? null : Json.order(json, scanner);
        }

        @Override public boolean isEndOfStream(byte[] next) { return false; }
        @Override public TypeInformation<byte[]> getProducedType() { return bytes(); }
    }

    @SuppressWarnings("unchecked")
    private static TypeInformation<byte[]> bytes() {
        return (TypeInformation<byte[]>) (TypeInformation<?>) Types.PRIMITIVE_ARRAY(Types.BYTE);
    }

    public static final class Items implements DeserializationSchema<String> {
        private transient EventScanner scanner;

        @Override
        public void open(InitializationContext context) {
            scanner = new EventScanner(EventScanner.ITEM);
        }

        @Override
        public String deserialize(byte[] json) {
            scanner.scan(json);
            return new String(json, scanner.itemStart, scanner.itemEnd - scanner.itemStart, StandardCharsets.ISO_8859_1);
        }

        @Override public boolean isEndOfStream(String next) { return false; }
        @Override public TypeInformation<String> getProducedType() { return Types.STRING; }
    }

    public static final class Count implements AggregateFunction<String, Long, Long> {
        @Override public Long createAccumulator() { return 0L; }
        @Override public Long add(String item, Long count) { return count + 1; }
        @Override public Long getResult(Long count) { return count; }
        @Override public Long merge(Long left, Long right) { return left + right; }
    }

    public static final class ToRow extends ProcessWindowFunction<Long, byte[], String, TimeWindow> {
        @Override
        public void process(String item, Context context, Iterable<Long> counts, Collector<byte[]> out) {
            out.collect(Json.count(item.getBytes(StandardCharsets.ISO_8859_1), context.window().getStart(), counts.iterator().next()));
        }
    }

    public static final class ToSession extends ProcessWindowFunction<Long, byte[], String, TimeWindow> {
        /** Flink's session ends a gap after its last event. */
        @Override
        public void process(String shopper, Context context, Iterable<Long> counts, Collector<byte[]> out) {
            out.collect(Json.session(shopper.getBytes(StandardCharsets.ISO_8859_1), context.window().getStart(), context.window().getEnd() - 60_000, counts.iterator().next()));
        }
    }

    /** Each row begins with its key: {"item":" or {"shopper":" (a class, because Flink cannot tell the type of a lambda). */
    public static final class KeyOf implements SerializationSchema<byte[]> {
        @Override
        public byte[] serialize(byte[] row) {
            int start = row[2] == 'i' ? "{\"item\":\"".length() : "{\"shopper\":\"".length();
            int end = start;
            while (row[end] != '"') end++;
            return Arrays.copyOfRange(row, start, end);
        }
    }

    public static final class Whole implements SerializationSchema<byte[]> {
        @Override public byte[] serialize(byte[] row) { return row; }
    }

    private static KafkaSink<byte[]> sink() {
        return KafkaSink.<byte[]>builder()
            .setBootstrapServers(Setting.BOOTSTRAP)
            .setRecordSerializer(KafkaRecordSerializationSchema.<byte[]>builder().setTopic(Setting.OUTPUT).setKeySerializationSchema(new KeyOf()).setValueSerializationSchema(new Whole()).build())
            .setDeliveryGuarantee(Setting.EXACTLY_ONCE ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE).setTransactionalIdPrefix(Setting.NAME)
            .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING)
            .setKafkaProducerConfig(Setting.properties("compression.type", Setting.COMPRESSION, "transaction.timeout.ms", "300000", "acks", "all",
                "batch.size", String.valueOf(512 << 10), "linger.ms", "50", "buffer.memory", String.valueOf(128L << 20), "send.buffer.bytes", String.valueOf(1 << 20)))
            .build();
    }
}
