import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Comparator;
import java.util.Properties;
import java.util.TreeMap;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs scripted cases through Kafka Streams' TopologyTestDriver and says what came out.
 *
 * In (stdin): [{ "name", "topology", "steps": [{ "topic", "key", "value", "time", "headers": [[key, value]] } | { "wallClock": ms to advance }] }]
 * Out (stdout): { name: [{ "topic", "key", "value", "time", "headers" }] }, rows in the order in which each step's appeared, topics of a step sorted.
 */
public final class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    JsonNode cases = JSON.readTree(System.in);
    ObjectNode results = JSON.createObjectNode();
    for (JsonNode one : cases) results.set(one.get("name").asText(), run(one));
    System.out.write(JSON.writeValueAsBytes(results));
    System.out.flush();
  }

  private static ArrayNode run(JsonNode one) throws Exception {
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle");
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "nowhere:1");
    config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    java.nio.file.Path state = Files.createTempDirectory("oracle");
    config.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
    ArrayNode rows = JSON.createArrayNode();
    Topologies.Built built = Topologies.build(one.get("topology").asText());
    try (TopologyTestDriver driver = new TopologyTestDriver(built.topology(), config, Instant.ofEpochMilli(0))) {
      Map<String, TestInputTopic<String, String>> inputs = new TreeMap<>();
      Map<String, TestOutputTopic<String, String>> outputs = new TreeMap<>();
      for (String topic : built.outputs()) outputs.put(topic, driver.createOutputTopic(topic, new StringDeserializer(), new StringDeserializer()));
      for (JsonNode step : one.get("steps")) {
        if (step.has("wallClock")) {
          driver.advanceWallClockTime(java.time.Duration.ofMillis(step.get("wallClock").asLong()));
        } else {
          inputs.computeIfAbsent(step.get("topic").asText(), name -> driver.createInputTopic(name, new StringSerializer(), new StringSerializer())).pipeInput(recordOf(step));
        }
        outputs.forEach((topic, output) -> output.readRecordsToList().forEach(record -> rows.add(rowOf(topic, record))));
      }
    } finally {
      try (var paths = Files.walk(state)) {
        paths.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
      }
    }
    return rows;
  }

  private static TestRecord<String, String> recordOf(JsonNode step) {
    RecordHeaders headers = new RecordHeaders();
    if (step.has("headers")) for (JsonNode header : step.get("headers")) headers.add(header.get(0).asText(), header.get(1).asText().getBytes(StandardCharsets.UTF_8));
    return new TestRecord<>(textOf(step.get("key")), textOf(step.get("value")), headers, step.get("time").asLong());
  }

  private static String textOf(JsonNode node) {
    return node == null || node.isNull() ? null : node.asText();
  }

  private static ObjectNode rowOf(String topic, TestRecord<String, String> record) {
    ObjectNode row = JSON.createObjectNode();
    row.put("topic", topic);
    row.put("key", record.key());
    row.put("value", record.value());
    row.put("time", record.timestamp());
    ArrayNode headers = row.putArray("headers");
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(new String(header.value(), StandardCharsets.UTF_8));
    return row;
  }
}
