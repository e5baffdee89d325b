// A Samza task of a Millrace graph: how many clicks each key has had so far, written once for each click, and again after a kill.
// Run by `samza({ source: 'CountClicksSamza.java' })`; what it reads, writes and how it is configured comes from its environment.
//
// The counts are in a RocksDB store with a changelog. With transactional state it goes back to the last checkpoint when the task comes back,
// so what is read again is counted again from there: the same counts. A task behind it takes the copies out by the click's id.
// That holds without Samza's cache in front of the store: what the cache holds back gets into the changelog after the checkpoint's place in it was
// taken, so two checkpoints may have one place, and a kill between the two leaves Samza to start from either.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.samza.application.TaskApplication;
import org.apache.samza.application.descriptors.TaskApplicationDescriptor;
import org.apache.samza.config.MapConfig;
import org.apache.samza.context.Context;
import org.apache.samza.runtime.LocalApplicationRunner;
import org.apache.samza.serializers.KVSerde;
import org.apache.samza.serializers.LongSerde;
import org.apache.samza.serializers.StringSerde;
import org.apache.samza.storage.kv.descriptors.RocksDbTableDescriptor;
import org.apache.samza.system.IncomingMessageEnvelope;
import org.apache.samza.system.OutgoingMessageEnvelope;
import org.apache.samza.system.SystemStream;
import org.apache.samza.system.kafka.descriptors.KafkaSystemDescriptor;
import org.apache.samza.table.ReadWriteTable;
import org.apache.samza.task.InitableTask;
import org.apache.samza.task.MessageCollector;
import org.apache.samza.task.StreamTask;
import org.apache.samza.task.StreamTaskFactory;
import org.apache.samza.task.TaskCoordinator;

public class CountClicksSamza implements TaskApplication {
    static final String STORE = "clicks-per-key";

    public static void main(String[] args) throws Exception {
        Properties file = new Properties();
        try (FileInputStream stream = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            file.load(stream);
        }
        Map<String, String> config = new HashMap<>();
        file.forEach((key, value) -> config.put((String) key, (String) value));
        LocalApplicationRunner runner = new LocalApplicationRunner(new CountClicksSamza(), new MapConfig(config));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            runner.kill();
            runner.waitForFinish();
        }));
        runner.run();
        runner.waitForFinish();
        System.exit(1);
    }

    @Override
    public void describe(TaskApplicationDescriptor app) {
        // Where its brokers are, and all else that the graph says, is in the configuration.
        KafkaSystemDescriptor kafka = new KafkaSystemDescriptor("kafka");
        KVSerde<String, String> texts = KVSerde.of(new StringSerde(), new StringSerde());
        app.withInputStream(kafka.getInputDescriptor("clicks", texts).withPhysicalName(System.getenv("MILLRACE_READS")));
        app.withOutputStream(kafka.getOutputDescriptor("counted", texts).withPhysicalName(System.getenv("MILLRACE_WRITES")));
        app.withTable(new RocksDbTableDescriptor<>(STORE, KVSerde.of(new StringSerde(), new LongSerde())).withChangelogEnabled().withObjectCacheSize(0));
        app.withTaskFactory((StreamTaskFactory) Counter::new);
    }

    static class Counter implements StreamTask, InitableTask {
        private final ObjectMapper json = new ObjectMapper();
        private final SystemStream output = new SystemStream("kafka", System.getenv("MILLRACE_WRITES"));
        private ReadWriteTable<String, Long> counts;

        @Override
        public void init(Context context) {
            counts = context.getTaskContext().getTable(STORE);
        }

        @Override
        public void process(IncomingMessageEnvelope envelope, MessageCollector collector, TaskCoordinator coordinator) throws Exception {
            String key = (String) envelope.getKey();
            Long before = counts.get(key);
            long count = before == null ? 1 : before + 1;
            counts.put(key, count);
            ObjectNode click = (ObjectNode) json.readTree((String) envelope.getMessage());
            click.put("count", count);
            collector.send(new OutgoingMessageEnvelope(output, key, click.toString()));
        }
    }
}
