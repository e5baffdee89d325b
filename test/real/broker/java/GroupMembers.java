import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.HashMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Members of consumer groups of the new protocol (KIP-848), one thread each, until the process is killed or its input ends.
 * Arguments: bootstrap, then for each member `name group topics|~regex assignor [instance id]`, parts separated by a space.
 * Says on stdout: `name has topic-0 topic-1` after each change, `name read topic-0 value` for each record, `name committed`.
 */
public final class GroupMembers {
    public static void main(String[] args) throws Exception {
        Thread[] threads = new Thread[args.length - 1];
        KafkaConsumer<?, ?>[] consumers = new KafkaConsumer<?, ?>[threads.length];
        for (int index = 0; index < threads.length; index++) {
            String[] parts = args[index + 1].split(" ");
            Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", args[0], "group.id", parts[1], "group.protocol", "consumer", "auto.offset.reset", "earliest", "enable.auto.commit", "false",
                "group.remote.assignor", parts[3], "metadata.max.age.ms", "1000", "client.id", parts[0]));
            if (parts.length > 4) config.put("group.instance.id", parts[4]);
            KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
            consumers[index] = consumer;
            threads[index] = new Thread(() -> run(parts[0], parts[2], consumer));
            threads[index].start();
        }
        while (System.in.read() >= 0) { }
        for (KafkaConsumer<?, ?> consumer : consumers) consumer.wakeup();
        for (Thread thread : threads) thread.join();
    }

    private static void run(String name, String topics, KafkaConsumer<String, String> consumer) {
        Consumer<String> say = text -> { synchronized (System.out) { System.out.println(name + " " + text); System.out.flush(); } };
        ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
            @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) { say.accept("revoked " + partitions.size()); }
            @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) { say.accept("assigned " + partitions.size()); }
            @Override public void onPartitionsLost(Collection<TopicPartition> partitions) { say.accept("lost " + partitions.size()); }
        };
        if (topics.startsWith("~")) consumer.subscribe(new SubscriptionPattern(topics.substring(1)), listener);
        else consumer.subscribe(List.of(topics.split(",")), listener);
        String before = "";
        try {
            while (true) {
                var records = consumer.poll(Duration.ofMillis(200));
                var has = new TreeSet<String>();
                for (TopicPartition partition : consumer.assignment()) has.add(partition.toString());
                String now = "has " + String.join(" ", has);
                if (!now.equals(before)) say.accept(now);
                before = now;
                for (var record : records) say.accept("read " + record.topic() + "-" + record.partition() + " " + record.value());
                if (records.isEmpty()) continue;
                consumer.commitSync();
                say.accept("committed");
            }
        } catch (org.apache.kafka.common.errors.WakeupException ended) {
            consumer.close();
            say.accept("left");
        } catch (RuntimeException failed) {
            say.accept("failed " + failed);
            throw failed;
        }
    }
}
