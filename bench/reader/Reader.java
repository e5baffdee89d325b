import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The one reader that judges every contender: Apache Kafka's own consumer, read_committed, from the beginning to the end that it finds, sharing no code with any
 * contender. Prints one line of JSON.
 *
 *   Reader expect BOOTSTRAP JOB TOPIC FILE [TABLE]     computes a job's result from its input by a plain loop, and keeps it in FILE
 *   Reader verify BOOTSTRAP JOB TOPIC FILE     reads what a contender wrote and compares
 *   Reader latency BOOTSTRAP rekey TOPIC WARM_S MEASURED_S     how old committed rows are (by their `at`) when they come here, once they come
 *
 * R1. A row of `rekey` counts once; rows are compared as a multiset of (item, price, at), by the sum of their 64-bit hashes, and by their number.
 * R2. Of `count`, the last row of each (item, window) is the result, whichever way it is emitted; results are compared as a set, by number, sum of counts and sum
 *     of hashes. A count that falls is an error.
 * R3. Time is the broker's (LogAppendTime of the output topic): `progress` says when how many input records were accounted for by committed rows.
 * R4. The events that only move event time forward have items that begin with `~close`; no result of them is compared.
 *     Rows of `join` are compared so too, as (shopper, tier, item, price, at); its input is looked up in a plain map of the whole table.
 * R5. Of `sessions`, a row is a session of one shopper, written once, when it is over; rows are compared as those of `rekey` are, and their counts are summed.
 */
public class Reader {
    private static final JsonFactory JSON = new JsonFactory();
    private static final String CLOSING = "~close";
    private static final long MINUTE = 60_000, GAP_MS = 60_000;

    private long records, rows, finalRows, sum, hash, fell, bytes, firstMs = Long.MAX_VALUE, lastMs;
    private final Map<String, long[]> counts = new HashMap<>();
    private final Map<String, String> lastRows = new HashMap<>();
    private final Map<String, String> tiers = new HashMap<>();
    private final Map<String, Times> times = new HashMap<>();
    private final TreeMap<Long, long[]> byTime = new TreeMap<>();

    public static void main(String[] args) throws Exception {
        Reader reader = new Reader();
        if (args[0].equals("latency")) {
            latency(args[1], args[3], Long.parseLong(args[4]) * 1_000, Long.parseLong(args[5]) * 1_000);
            return;
        }
        boolean expect = args[0].equals("expect");
        boolean query = Nexmark.FIELDS.containsKey(args[2]);
        if (query && expect) reader.nexmark(args[1], args[2], args[3]);
        if (expect && args[2].equals("join")) reader.read(args[1], args[5], record -> reader.tiers.put(new String(record.key()), (String) parse(record.value()).get("tier")));
        if (args[2].equals("join")) reader.records = reader.bytes = 0;
        if (!query || !expect) reader.read(args[1], args[3], record -> {
            if (query) reader.queryRow(record.value(), record.timestamp(), args[2]);
            else if (expect) reader.event(record.value(), args[2]);
            else reader.row(record.value(), record.timestamp(), args[2]);
        });
        boolean count = args[2].equals("count");
        if (expect && args[2].equals("sessions")) reader.sessions();
        if (count) for (Map.Entry<String, long[]> entry : reader.counts.entrySet()) reader.hash += hashOf(entry.getKey() + " " + entry.getValue()[0]);
        for (String last : reader.lastRows.values()) reader.hash += hashOf(last);
        reader.finalRows = count ? reader.counts.size() : !expect && Nexmark.KEYS.containsKey(args[2]) ? reader.lastRows.size() : reader.rows;
        String facts = reader.finalRows + " " + reader.sum + " " + Long.toHexString(reader.hash);
        if (expect) Files.writeString(Path.of(args[4]), facts);
        String expected = Files.readString(Path.of(args[4]));
        System.out.println("{\"records\":" + reader.records + ",\"rows\":" + reader.rows + ",\"bytes\":" + reader.bytes + ",\"finalRows\":" + reader.finalRows + ",\"sum\":" + reader.sum
            + ",\"facts\":\"" + facts + "\",\"expected\":\"" + expected + "\",\"equal\":" + (facts.equals(expected) && reader.fell == 0) + ",\"fell\":" + reader.fell
            + ",\"firstMs\":" + (reader.rows == 0 ? 0 : reader.firstMs) + ",\"lastMs\":" + reader.lastMs + ",\"progress\":" + reader.progress() + "}");
    }

    private static Properties settings(String bootstrap) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", "read_committed");
        settings.put("max.poll.records", "20000");
        return settings;
    }

    private static List<TopicPartition> assigned(KafkaConsumer<byte[], byte[]> consumer, String topic) {
        List<TopicPartition> partitions = new ArrayList<>();
        consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        return partitions;
    }

    /** R6: in whole milliseconds, from the wall clock of the same machine; a poll's rows are all taken at its return. */
    private static void latency(String bootstrap, String topic, long warmMs, long measuredMs) throws Exception {
        long[] byMs = new long[120_000];
        long rows = 0, firstMs = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings(bootstrap), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            assigned(consumer, topic);
            while (firstMs == 0 || System.currentTimeMillis() < firstMs + warmMs + measuredMs) {
                ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(50));
                long now = System.currentTimeMillis();
                if (firstMs == 0 && !polled.isEmpty()) firstMs = now;
                if (now < firstMs + warmMs) continue;
                for (ConsumerRecord<byte[], byte[]> record : polled) {
                    long age = now - (Long) parse(record.value()).get("at");
                    byMs[(int) Math.max(0, Math.min(age, byMs.length - 1))]++;
                    rows++;
                }
            }
        }
        System.out.println("{\"rows\":" + rows + ",\"seconds\":" + measuredMs / 1_000 + ",\"p50\":" + at(byMs, rows, 0.5) + ",\"p90\":" + at(byMs, rows, 0.9) + ",\"p99\":" + at(byMs, rows, 0.99) + ",\"max\":" + at(byMs, rows, 1) + "}");
    }

    private static long at(long[] byMs, long rows, double share) {
        long left = Math.max(1, (long) Math.ceil(rows * share));
        for (int ms = 0; ms < byMs.length; ms++) if ((left -= byMs[ms]) <= 0) return ms;
        return -1;
    }

    private interface Take { void record(ConsumerRecord<byte[], byte[]> record) throws Exception; }

    private void read(String bootstrap, String topic, Take take) throws Exception {
        Properties settings = settings(bootstrap);
        settings.put("fetch.max.bytes", String.valueOf(32 << 20));
        settings.put("max.partition.fetch.bytes", String.valueOf(8 << 20));
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = assigned(consumer, topic);
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
    private void event(byte[] json, String job) throws Exception {
        Map<String, Object> event = parse(json);
        String item = (String) event.get("item");
        if (item.startsWith(CLOSING)) return;
        long at = (Long) event.get("at");
        if (job.equals("count")) {
            counts.computeIfAbsent(item + " " + (at - Math.floorMod(at, MINUTE)), key -> new long[1])[0]++;
            sum++;
        } else if (job.equals("sessions")) {
            times.computeIfAbsent((String) event.get("shopper"), shopper -> new Times()).add(at);
        } else if (job.equals("join")) {
            String shopper = (String) event.get("shopper"), tier = tiers.get(shopper);
            if (tier == null) return;
            rows++;
            sum++;
            hash += hashOf(shopper + " " + tier + " " + item + " " + event.get("price") + " " + at);
        } else if (!event.get("type").equals("view")) {
            rows++;
            sum++;
            hash += hashOf(item + " " + event.get("price") + " " + at);
        }
    }

    /** A session ends where the next event of its shopper is more than the gap away. */
    private void sessions() {
        for (Map.Entry<String, Times> entry : times.entrySet()) {
            long[] sorted = entry.getValue().sorted();
            for (int from = 0, to = 0; from < sorted.length; from = to + 1) {
                for (to = from; to + 1 < sorted.length && sorted[to + 1] - sorted[to] <= GAP_MS;) to++;
                session(entry.getKey(), sorted[from], sorted[to], to - from + 1);
            }
        }
    }

    private void session(String shopper, long from, long to, long count) {
        rows++;
        sum += count;
        hash += hashOf(shopper + " " + from + " " + to + " " + count);
    }

    private static final class Times {
        private long[] at = new long[8];
        private int size;

        void add(long time) {
            if (size == at.length) at = Arrays.copyOf(at, size * 2);
            at[size++] = time;
        }

        long[] sorted() {
            long[] sorted = Arrays.copyOf(at, size);
            Arrays.sort(sorted);
            return sorted;
        }
    }

    private void row(byte[] json, long appendedAt, String job) throws Exception {
        if (json == null) return;
        Map<String, Object> row = parse(json);
        String item = (String) row.get("item");
        if (item != null && item.startsWith(CLOSING)) return;
        firstMs = Math.min(firstMs, appendedAt);
        lastMs = Math.max(lastMs, appendedAt);
        long weight = 1;
        if (job.equals("sessions")) {
            weight = (Long) row.get("count");
            session((String) row.get("shopper"), (Long) row.get("from"), (Long) row.get("to"), weight);
            byTime.computeIfAbsent(appendedAt, at -> new long[1])[0] += weight;
            return;
        }
        rows++;
        if (job.equals("count")) {
            long[] before = counts.computeIfAbsent(item + " " + row.get("from"), key -> new long[1]);
            weight = (Long) row.get("count") - before[0];
            if (weight < 0) fell++;
            before[0] += weight;
        } else if (job.equals("join")) hash += hashOf(row.get("shopper") + " " + row.get("tier") + " " + item + " " + row.get("price") + " " + row.get("at"));
        else hash += hashOf(item + " " + row.get("price") + " " + row.get("at"));
        sum += weight;
        byTime.computeIfAbsent(appendedAt, at -> new long[1])[0] += weight;
    }

    /** R7: of the Nexmark queries, the rows of plain loops (Nexmark.java), as multisets; of those that are written again, the last row of each key. */
    private void nexmark(String bootstrap, String query, String prefix) throws Exception {
        Nexmark loops = new Nexmark(query);
        Consumer<Map<String, Object>> out = row -> {
            rows++;
            sum++;
            hash += hashOf(Nexmark.text(row, Nexmark.FIELDS.get(query)));
        };
        read(bootstrap, prefix + ".person", record -> loops.person(parse(record.value())));
        read(bootstrap, prefix + ".auction", record -> loops.auction(parse(record.value()), out));
        read(bootstrap, prefix + ".bid", record -> loops.bid(parse(record.value()), out));
        loops.end(out);
    }

    private void queryRow(byte[] json, long appendedAt, String query) throws Exception {
        if (json == null) return;
        Map<String, Object> row = parse(json);
        if (Nexmark.isClosing(row)) return;
        firstMs = Math.min(firstMs, appendedAt);
        lastMs = Math.max(lastMs, appendedAt);
        rows++;
        String text = Nexmark.text(row, Nexmark.FIELDS.get(query));
        String[] keys = Nexmark.KEYS.get(query);
        if (keys == null) hash += hashOf(text);
        long weight = keys == null || lastRows.put(Nexmark.text(row, keys), text) == null ? 1 : 0;
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
