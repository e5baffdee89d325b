import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/** Counts records by key, exactly once, with a RocksDB store: BOOTSTRAP SOURCE SINK STATE_DIRECTORY. Ends with SIGTERM. */
public class CountByKey {
  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put("application.id", "count-by-key");
    settings.put("bootstrap.servers", args[0]);
    settings.put("auto.offset.reset", "earliest");
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("state.dir", args[3]);
    settings.put("default.key.serde", Serdes.StringSerde.class);
    settings.put("default.value.serde", Serdes.StringSerde.class);
    StreamsBuilder builder = new StreamsBuilder();
    builder.<String, String>stream(args[1]).groupByKey().count().toStream().mapValues(String::valueOf).to(args[2]);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
