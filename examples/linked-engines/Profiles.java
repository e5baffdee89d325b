// Each click joined with what is kept of its visitor, as a Samza task: the favourite category, how many clicks it has had, what was spent.
// Run by `samza({ source: 'Profiles.java' })`; what it reads, writes and how it is configured comes from its environment.
//
// Profiles are in a RocksDB store with a changelog. With transactional state it goes back to the last checkpoint when the task comes back, so what is
// read again is counted again from there: the same profiles. The task behind it takes the copies out by the click's origin.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Properties;
import org.apache.samza.application.TaskApplication;
import org.apache.samza.application.descriptors.TaskApplicationDescriptor;
import org.apache.samza.config.MapConfig;
import org.apache.samza.context.Context;
import org.apache.samza.runtime.LocalApplicationRunner;
import org.apache.samza.serializers.KVSerde;
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

public class Profiles implements TaskApplication {
    static final String STORE = "profiles";

    public static void main(String[] args) throws Exception {
        Properties file = new Properties();
        try (FileInputStream stream = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            file.load(stream);
        }
        Map<String, String> config = new HashMap<>();
        file.forEach((key, value) -> config.put((String) key, (String) value));
        LocalApplicationRunner runner = new LocalApplicationRunner(new Profiles(), new MapConfig(config));
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
        app.withOutputStream(kafka.getOutputDescriptor("profiles-out", texts).withPhysicalName(System.getenv("MILLRACE_WRITES")));
        app.withTable(new RocksDbTableDescriptor<>(STORE, KVSerde.of(new StringSerde(), new StringSerde())).withChangelogEnabled().withObjectCacheSize(0));
        app.withTaskFactory((StreamTaskFactory) Joiner::new);
    }

    static class Joiner implements StreamTask, InitableTask {
        private final ObjectMapper json = new ObjectMapper();
        private final SystemStream output = new SystemStream("kafka", System.getenv("MILLRACE_WRITES"));
        // By visitor: { "spent": …, "categories": { "lamp": 3 } }
        private ReadWriteTable<String, String> profiles;

        @Override
        public void init(Context context) {
            profiles = context.getTaskContext().getTable(STORE);
        }

        @Override
        public void process(IncomingMessageEnvelope envelope, MessageCollector collector, TaskCoordinator coordinator) throws Exception {
            String visitor = (String) envelope.getKey();
            JsonNode click = json.readTree((String) envelope.getMessage());
            String kept = profiles.get(visitor);
            ObjectNode profile = kept == null ? json.createObjectNode() : (ObjectNode) json.readTree(kept);
            ObjectNode categories = profile.has("categories") ? (ObjectNode) profile.get("categories") : profile.putObject("categories");
            String category = click.get("category").asText();
            if (!category.isEmpty()) categories.put(category, categories.path(category).asLong() + 1);
            if (click.get("type").asText().equals("purchase")) profile.put("spent", profile.path("spent").asDouble() + click.get("price").asDouble());
            profiles.put(visitor, profile.toString());
            collector.send(new OutgoingMessageEnvelope(output, visitor, joined(click, profile).toString()));
        }

        private ObjectNode joined(JsonNode click, ObjectNode profile) {
            String favourite = "";
            long favouriteClicks = 0;
            long clicks = 0;
            for (Iterator<Map.Entry<String, JsonNode>> each = profile.get("categories").fields(); each.hasNext();) {
                Map.Entry<String, JsonNode> category = each.next();
                long count = category.getValue().asLong();
                clicks += count;
                if (count > favouriteClicks) {
                    favourite = category.getKey();
                    favouriteClicks = count;
                }
            }
            return json.createObjectNode().put("origin", click.get("origin").asText()).put("favourite", favourite).put("favouriteClicks", favouriteClicks)
                .put("clicks", clicks).put("spent", profile.path("spent").asDouble()).put("at", click.get("at").asLong());
        }
    }
}
