import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The one reader that judges every contender: Apache Kafka's own consumer, read_committed, from the beginning to the end that it finds, sharing no code with any
 * contender. Prints one line of JSON.
 *
 *   Reader expect BOOTSTRAP JOB TOPIC FILE     computes a job's result from its input by a plain loop, and keeps it in FILE
 *   Reader verify BOOTSTRAP JOB TOPIC FILE     reads what a contender wrote and compares
 *
 * R1. A row of `rekey` counts once; rows are compared as a multiset of (item, price, at), by the sum of their 64-bit hashes, and by their number.
 * R2. Of `count`, the last row of each (item, window) is the result, whichever way it is emitted; results are compared as a set, by number, sum of counts and sum
 *     of hashes. A count that falls is an error.
 * R3. Time is the broker's (LogAppendTime of the output topic): `progress` says when how many input records were accounted for by committed rows.
 * R4. The events that only move event time forward have the item `~close`; no result of them is compared.
 */
public class Reader {
    private static final JsonFactory JSON = new JsonFactory();
    private static final String CLOSING = "~close";
    private static final long MINUTE = 60_000;

    private long records, rows, finalRows, sum, hash, fell, bytes, firstMs = Long.MAX_VALUE, lastMs;
    private final Map<String, long[]> counts = new HashMap<>();
    private final TreeMap<Long, long[]> byTime = new TreeMap<>();

    public static void main(String[] args) throws Exception {
        Reader reader = new Reader();
        boolean expect = args[0].equals("expect");
        boolean count = args[2].equals("count");
        reader.read(args[1], args[3], record -> {
            if (expect) reader.event(record.value(), count);
            else reader.row(record.value(), record.timestamp(), count);
        });
        if (count) for (Map.Entry<String, long[]> entry : reader.counts.entrySet()) reader.hash += hashOf(entry.getKey() + " " + entry.getValue()[0]);
        reader.finalRows = count ? reader.counts.size() : reader.rows;
        String facts = reader.finalRows + " " + reader.sum + " " + Long.toHexString(reader.hash);
        if (expect) Files.writeString(Path.of(args[4]), facts);
        String expected = Files.readString(Path.of(args[4]));
        System.out.println("{\"records\":" + reader.records + ",\"rows\":" + reader.rows + ",\"bytes\":" + reader.bytes + ",\"finalRows\":" + reader.finalRows + ",\"sum\":" + reader.sum
            + ",\"facts\":\"" + facts + "\",\"expected\":\"" + expected + "\",\"equal\":" + (facts.equals(expected) && reader.fell == 0) + ",\"fell\":" + reader.fell
            + ",\"firstMs\":" + (reader.rows == 0 ? 0 : reader.firstMs) + ",\"lastMs\":" + reader.lastMs + ",\"progress\":" + reader.progress() + "}");
    }

    private interface Take { void record(ConsumerRecord<byte[], byte[]> record) throws Exception; }

    private void read(String bootstrap, String topic, Take take) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", "read_committed");
        settings.put("max.poll.records", "20000");
        settings.put("fetch.max.bytes", String.valueOf(32 << 20));
        settings.put("max.partition.fetch.bytes", String.valueOf(8 << 20));
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            // With read_committed the end is the last stable offset.
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<TopicPartition> left = new ArrayList<>(partitions);
            left.removeIf(partition -> ends.get(partition) == 0);
            while (!left.isEmpty()) {
                ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(200));
                for (ConsumerRecord<byte[], byte[]> record : polled) {
                    if (record.offset() >= ends.get(new TopicPartition(topic, record.partition()))) continue;
                    records++;
                    bytes += record.serializedValueSize() + record.serializedKeySize();
                    take.record(record);
                }
                left.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
            }
        }
    }

    /** The job itself, in the plainest way. */
    private void event(byte[] json, boolean count) throws Exception {
        Map<String, Object> event = parse(json);
        String item = (String) event.get("item");
        if (item.equals(CLOSING)) return;
        long at = (Long) event.get("at");
        if (count) {
            counts.computeIfAbsent(item + " " + (at - Math.floorMod(at, MINUTE)), key -> new long[1])[0]++;
            sum++;
        } else if (!event.get("type").equals("view")) {
            rows++;
            sum++;
            hash += hashOf(item + " " + event.get("price") + " " + at);
        }
    }

    private void row(byte[] json, long appendedAt, boolean count) throws Exception {
        if (json == null) return;
        Map<String, Object> row = parse(json);
        String item = (String) row.get("item");
        if (CLOSING.equals(item)) return;
        rows++;
        firstMs = Math.min(firstMs, appendedAt);
        lastMs = Math.max(lastMs, appendedAt);
        long weight = 1;
        if (count) {
            long[] before = counts.computeIfAbsent(item + " " + row.get("from"), key -> new long[1]);
            weight = (Long) row.get("count") - before[0];
            if (weight < 0) fell++;
            before[0] += weight;
        } else hash += hashOf(item + " " + row.get("price") + " " + row.get("at"));
        sum += weight;
        byTime.computeIfAbsent(appendedAt, at -> new long[1])[0] += weight;
    }

    private static Map<String, Object> parse(byte[] json) throws Exception {
        Map<String, Object> fields = new HashMap<>(8);
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) throw new IllegalStateException("not an object: " + new String(json));
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.getCurrentName();
                fields.put(name, parser.nextToken() == JsonToken.VALUE_NUMBER_INT ? (Object) parser.getLongValue() : parser.getText());
            }
        }
        return fields;
    }

    private static long hashOf(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        hash ^= hash >>> 32;
        hash *= 0xd6e8feb86659fd93L;
        return hash ^ hash >>> 32;
    }

    /** [ms, weight so far] at each hundredth of the whole, and at each moment where a share of it came at once. */
    private String progress() {
        StringBuilder text = new StringBuilder("[");
        long soFar = 0, told = -1;
        for (Map.Entry<Long, long[]> entry : byTime.entrySet()) {
            soFar += entry.getValue()[0];
            long hundredth = sum == 0 ? 0 : soFar * 200 / sum;
            if (hundredth == told && soFar != sum) continue;
            told = hundredth;
            text.append(text.length() > 1 ? "," : "").append('[').append(entry.getKey()).append(',').append(soFar).append(']');
        }
        return text.append(']').toString();
    }
}
