import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.formats.json.JsonDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * Both jobs in Flink's DataStream API as its guide teaches: POJOs, its JSON format, an event-time window with an aggregate function; default settings but for
 * what the comparison fixes. A window is written once, when the watermark has passed its end. Make it faster without leaving the guide's style.
 */
public class FlinkIdiomatic {
    public static class Event { public String type, shopper, item, note; public long price, at; }
    public static class Order { public String item; public long price, at; }
    public static class Shopper { public String shopper, tier, country; }
    public static class Joined { public String shopper, tier, item; public long price, at; }
    public static class Session { public String shopper; public long from, to, count; }
    public static class Row { public String item; public long from, count; }

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = FlinkLocal.environment(false);
        KafkaSource<Event> source = source(Setting.INPUT, Event.class);
        WatermarkStrategy<Event> time = WatermarkStrategy.<Event>forBoundedOutOfOrderness(Duration.ofSeconds(2)).withTimestampAssigner((event, recordTime) -> event.at);
        if (Setting.JOB.equals("rekey")) rekey(env.fromSource(source, WatermarkStrategy.noWatermarks(), "events"));
        else if (Setting.JOB.equals("sessions")) sessions(env.fromSource(source, time, "events"));
        else if (Setting.JOB.equals("join")) join(env.fromSource(source, WatermarkStrategy.noWatermarks(), "events"), env.fromSource(source(Setting.TABLE, Shopper.class), WatermarkStrategy.noWatermarks(), "shoppers"));
        else count(env.fromSource(source, time, "events"));
        env.execute(Setting.NAME);
    }

    private static <T> KafkaSource<T> source(String topic, Class<T> type) {
        return KafkaSource.<T>builder()
            .setBootstrapServers(Setting.BOOTSTRAP).setTopics(topic).setGroupId(Setting.NAME)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new JsonDeserializationSchema<>(type))
            .build();
    }

    private static void join(DataStream<Event> events, DataStream<Shopper> shoppers) {
        events.keyBy(event -> event.shopper).connect(shoppers.keyBy(shopper -> shopper.shopper)).process(new Enrich()).sinkTo(sink(new Keyed<Joined>(joined -> joined.shopper)));
    }

    /** As the guide's enrichment: what comes before its shopper waits, since Flink reads two inputs in no order. */
    public static class Enrich extends KeyedCoProcessFunction<String, Event, Shopper, Joined> {
        private transient ValueState<Shopper> shopper;
        private transient ListState<Event> waiting;

        @Override
        public void open(OpenContext context) {
            shopper = getRuntimeContext().getState(new ValueStateDescriptor<>("shopper", Shopper.class));
            waiting = getRuntimeContext().getListState(new ListStateDescriptor<>("waiting", Event.class));
        }

        @Override
        public void processElement1(Event event, Context context, Collector<Joined> out) throws Exception {
            Shopper row = shopper.value();
            if (row == null) waiting.add(event);
            else out.collect(joined(event, row));
        }

        @Override
        public void processElement2(Shopper row, Context context, Collector<Joined> out) throws Exception {
            shopper.update(row);
            for (Event event : waiting.get()) out.collect(joined(event, row));
            waiting.clear();
        }

        private static Joined joined(Event event, Shopper row) {
            Joined joined = new Joined();
            joined.shopper = event.shopper;
            joined.tier = row.tier;
            joined.item = event.item;
            joined.price = event.price;
            joined.at = event.at;
            return joined;
        }
    }

    private static void rekey(DataStream<Event> events) {
        events.filter(event -> !event.type.equals("view"))
            .map(event -> {
                Order order = new Order();
                order.item = event.item;
                order.price = event.price;
                order.at = event.at;
                return order;
            }).returns(Order.class)
            .sinkTo(sink(new Keyed<Order>(order -> order.item)));
    }

    private static void count(DataStream<Event> events) {
        events.keyBy(event -> event.item)
            .window(TumblingEventTimeWindows.of(Duration.ofMinutes(1)))
            .aggregate(new Count(), new ToRow())
            .sinkTo(sink(new Keyed<Row>(row -> row.item)));
    }

    private static void sessions(DataStream<Event> events) {
        events.keyBy(event -> event.shopper)
            .window(EventTimeSessionWindows.withGap(Duration.ofMinutes(1)))
            .aggregate(new Count(), new ToSession())
            .sinkTo(sink(new Keyed<Session>(session -> session.shopper)));
    }

    public static class ToSession extends ProcessWindowFunction<Long, Session, String, TimeWindow> {
        @Override
        public void process(String shopper, Context context, Iterable<Long> counts, Collector<Session> out) {
            Session session = new Session();
            session.shopper = shopper;
            session.from = context.window().getStart();
            // Flink's session ends a gap after its last event.
            session.to = context.window().getEnd() - 60_000;
            session.count = counts.iterator().next();
            out.collect(session);
        }
    }

    public static class Count implements AggregateFunction<Event, Long, Long> {
        @Override public Long createAccumulator() { return 0L; }
        @Override public Long add(Event event, Long count) { return count + 1; }
        @Override public Long getResult(Long count) { return count; }
        @Override public Long merge(Long left, Long right) { return left + right; }
    }

    public static class ToRow extends ProcessWindowFunction<Long, Row, String, TimeWindow> {
        @Override
        public void process(String item, Context context, Iterable<Long> counts, Collector<Row> out) {
            Row row = new Row();
            row.item = item;
            row.from = context.window().getStart();
            row.count = counts.iterator().next();
            out.collect(row);
        }
    }

    private interface KeyOf<T> extends java.io.Serializable { String of(T value); }

    private static final class Keyed<T> implements KafkaRecordSerializationSchema<T> {
        private final KeyOf<T> keyOf;
        private transient ObjectMapper mapper;

        Keyed(KeyOf<T> keyOf) { this.keyOf = keyOf; }

        @Override
        public void open(SerializationSchema.InitializationContext context, KafkaSinkContext sink) { mapper = new ObjectMapper(); }

        @Override
        public org.apache.kafka.clients.producer.ProducerRecord<byte[], byte[]> serialize(T value, KafkaSinkContext context, Long timestamp) {
            try {
                return new org.apache.kafka.clients.producer.ProducerRecord<>(Setting.OUTPUT, keyOf.of(value).getBytes(StandardCharsets.UTF_8), mapper.writeValueAsBytes(value));
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }
    }

    private static <T> KafkaSink<T> sink(KafkaRecordSerializationSchema<T> serializer) {
        return KafkaSink.<T>builder()
            .setBootstrapServers(Setting.BOOTSTRAP).setRecordSerializer(serializer)
            .setDeliveryGuarantee(Setting.EXACTLY_ONCE ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE).setTransactionalIdPrefix(Setting.NAME)
            .setKafkaProducerConfig(Setting.properties("compression.type", Setting.COMPRESSION, "transaction.timeout.ms", "300000", "acks", "all"))
            .build();
    }
}
