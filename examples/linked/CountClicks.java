// A Kafka Streams task of a Millrace graph: how many clicks each key has had so far, written once for each click.
// Run by `kafkaStreams({ source: 'CountClicks.java' })`; what it reads, writes and how it is configured comes from its environment.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public class CountClicks {
    static final String STORE = "clicks-per-key";

    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        try (FileInputStream file = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            config.load(file);
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.Long()));
        builder.stream(System.getenv("MILLRACE_READS"), Consumed.with(Serdes.String(), Serdes.String()))
            .processValues(Counter::new, STORE)
            .to(System.getenv("MILLRACE_WRITES"), Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            failed.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        failed.await();
        System.exit(1);
    }

    static class Counter implements FixedKeyProcessor<String, String, String> {
        private final ObjectMapper json = new ObjectMapper();
        private FixedKeyProcessorContext<String, String> context;
        private KeyValueStore<String, Long> store;

        @Override
        public void init(FixedKeyProcessorContext<String, String> context) {
            this.context = context;
            this.store = context.getStateStore(STORE);
        }

        @Override
        public void process(FixedKeyRecord<String, String> record) {
            Long before = store.get(record.key());
            long count = before == null ? 1 : before + 1;
            store.put(record.key(), count);
            try {
                ObjectNode click = (ObjectNode) json.readTree(record.value());
                click.put("count", count);
                context.forward(record.withValue(json.writeValueAsString(click)));
            } catch (Exception error) {
                throw new IllegalArgumentException("no click: " + record.value(), error);
            }
        }
    }
}
