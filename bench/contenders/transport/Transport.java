import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Apache Kafka's own client: produces or reads records and prints what the last 70 % of them took, as bench/contenders/npm/transport.mjs does. Make it faster.
 *
 *   Transport produce|consume BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS
 */
public class Transport {
    private static long records, seen, fromSeen, fromNs, fromCpuNs;

    public static void main(String[] args) throws Exception {
        records = Long.parseLong(args[3]);
        int bytes = Integer.parseInt(args[4]), partitions = Integer.parseInt(args[5]);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[1]);
        if (args[0].equals("produce")) {
            settings.put("acks", "all");
            settings.put("enable.idempotence", "true");
            settings.put("batch.size", String.valueOf(256 << 10));
            settings.put("linger.ms", "5");
            settings.put("buffer.memory", String.valueOf(64L << 20));
            byte[] key = "key".getBytes(), value = new byte[bytes];
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
                for (long sent = 0; sent < records; sent++) {
                    producer.send(new ProducerRecord<>(args[2], (int) (sent % partitions), key, value));
                    if (sent + 1 < records) count(1);
                }
                producer.flush();
                count(1);
            }
        } else {
            settings.put("group.id", "transport-" + ProcessHandle.current().pid());
            settings.put("auto.offset.reset", "earliest");
            settings.put("max.poll.records", "20000");
            settings.put("max.partition.fetch.bytes", String.valueOf(4 << 20));
            try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.subscribe(List.of(args[2]));
                while (seen < records) count(consumer.poll(Duration.ofMillis(100)).count());
            }
        }
    }

    private static void count(long more) {
        seen += more;
        if (fromNs == 0 && seen >= records * 3 / 10) {
            fromSeen = seen;
            fromNs = System.nanoTime();
            fromCpuNs = cpuNs();
        }
        if (seen >= records) System.out.println("{\"records\":" + (seen - fromSeen) + ",\"seconds\":" + (System.nanoTime() - fromNs) / 1e9 + ",\"cpuSeconds\":" + (cpuNs() - fromCpuNs) / 1e9 + "}");
    }

    private static long cpuNs() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }
}
