import java.io.FileReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Describes, writes, reads and commits with Java's clients and says of each what came of it, on stdout: `write\tok`, `write\tTopicAuthorizationException`.
 * Arguments: bootstrap, a file of client properties, a topic.
 */
public final class Refused {
    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        try (FileReader file = new FileReader(args[1])) {
            config.load(file);
        }
        config.putAll(Map.of("bootstrap.servers", args[0], "group.id", "refused", "enable.idempotence", "false", "auto.offset.reset", "earliest"));
        TopicPartition partition = new TopicPartition(args[2], 0);
        try (Admin admin = Admin.create(config)) {
            say("describe", () -> admin.describeTopics(List.of(args[2])).allTopicNames().get());
        }
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            say("write", () -> producer.send(new ProducerRecord<>(args[2], "from Java")).get());
        }
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            say("read", () -> {
                consumer.seekToBeginning(List.of(partition));
                for (int count = 0; count == 0;) count = consumer.poll(Duration.ofSeconds(1)).count();
                return null;
            });
            say("commit", () -> {
                consumer.commitSync(Map.of(partition, new OffsetAndMetadata(1)));
                return null;
            });
        }
    }

    private static void say(String what, Callable<?> call) {
        String outcome = "ok";
        try {
            call.call();
        } catch (ExecutionException failed) {
            outcome = failed.getCause().getClass().getSimpleName();
        } catch (Exception failed) {
            outcome = failed.getClass().getSimpleName();
        }
        System.out.println(what + "\t" + outcome);
    }
}
