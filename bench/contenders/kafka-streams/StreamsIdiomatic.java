import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.SessionStore;

/**
 * Both jobs in Kafka Streams as its guide teaches: the DSL, typed values through Jackson, default settings but for what the comparison fixes
 * (exactly once, commit interval, threads, compression). State is RocksDB, the default. Make it faster without leaving the guide's style.
 */
public class StreamsIdiomatic {
    public static class Event { public String type, shopper, item, note; public long price, at; }
    public static class Order { public String item; public long price, at; }
    public static class Shopper { public String shopper, tier, country; }
    public static class Joined { public String shopper, tier, item; public long price, at; }
    public static class Session { public String shopper; public long from, to, count; }
    public static class Row { public String item; public long from, count; }

    public static void main(String[] args) {
        Properties settings = Setting.properties(
            "application.id", Setting.NAME, "bootstrap.servers", Setting.BOOTSTRAP, "auto.offset.reset", "earliest", "state.dir", Setting.DIRECTORY,
            "processing.guarantee", Setting.EXACTLY_ONCE ? "exactly_once_v2" : "at_least_once", "commit.interval.ms", String.valueOf(Setting.COMMIT_MS),
            "num.stream.threads", String.valueOf(Setting.THREADS), "producer.compression.type", Setting.COMPRESSION, "producer.acks", "all", "producer.transaction.timeout.ms", "60000");
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, Event> events = builder.stream(Setting.INPUT, Consumed.with(Serdes.String(), json(Event.class)));
        if (Setting.JOB.equals("rekey")) rekey(events);
        else if (Setting.JOB.equals("sessions")) sessions(events);
        else if (Setting.JOB.equals("join")) join(events, builder.table(Setting.TABLE, Consumed.with(Serdes.String(), json(Shopper.class))));
        else count(events);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
    }

    private static void rekey(KStream<String, Event> events) {
        events.filter((shopper, event) -> !event.type.equals("view"))
            .map((shopper, event) -> {
                Order order = new Order();
                order.item = event.item;
                order.price = event.price;
                order.at = event.at;
                return KeyValue.pair(event.item, order);
            })
            .to(Setting.OUTPUT, Produced.with(Serdes.String(), json(Order.class)));
    }

    /** Grace is a day: in catch-up the two threads are minutes of event time apart, and nothing may be dropped. */
    private static void count(KStream<String, Event> events) {
        events.groupBy((shopper, event) -> event.item, Grouped.with(Serdes.String(), json(Event.class)))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofDays(1)))
            .count(Materialized.as("per-minute"))
            .toStream()
            .map((window, count) -> {
                Row row = new Row();
                row.item = window.key();
                row.from = window.window().start();
                row.count = count;
                return KeyValue.pair(window.key(), row);
            })
            .to(Setting.OUTPUT, Produced.with(Serdes.String(), json(Row.class)));
    }

    /**
     * The shopper is the input's key. A session is written once, when it is over: looked for once a second of wall time, in which catch-up passes many minutes of event
     * time, so that with the default retention most sessions would be forgotten before they are written.
     */
    private static void sessions(KStream<String, Event> events) {
        events.groupByKey(Grouped.with(Serdes.String(), json(Event.class)))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(2)))
            .emitStrategy(EmitStrategy.onWindowClose())
            .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("per-visit").withRetention(Duration.ofDays(1)))
            .toStream()
            .map((window, count) -> {
                Session session = new Session();
                session.shopper = window.key();
                session.from = window.window().start();
                session.to = window.window().end();
                session.count = count;
                return KeyValue.pair(window.key(), session);
            })
            .to(Setting.OUTPUT, Produced.with(Serdes.String(), json(Session.class)));
    }

    private static void join(KStream<String, Event> events, KTable<String, Shopper> shoppers) {
        events.join(shoppers, (event, shopper) -> {
            Joined joined = new Joined();
            joined.shopper = event.shopper;
            joined.tier = shopper.tier;
            joined.item = event.item;
            joined.price = event.price;
            joined.at = event.at;
            return joined;
        }).to(Setting.OUTPUT, Produced.with(Serdes.String(), json(Joined.class)));
    }

    private static <T> Serde<T> json(Class<T> type) {
        ObjectMapper mapper = new ObjectMapper();
        Serializer<T> serializer = (topic, value) -> {
            try {
                return value == null ? null : mapper.writeValueAsBytes(value);
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        };
        Deserializer<T> deserializer = (topic, bytes) -> {
            try {
                return bytes == null ? null : mapper.readValue(bytes, type);
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        };
        return Serdes.serdeFrom(serializer, deserializer);
    }
}
