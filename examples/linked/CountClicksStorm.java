// A Storm topology of a Millrace graph: how many clicks each key has had so far, written once for each click, and again after a kill.
// Run by `storm({ source: 'CountClicksStorm.java' })`, or submitted to a cluster as a jar of it by `storm({ jar, mainClass, cluster })`; what it reads, writes and how it is configured comes from its environment.
//
// Storm keeps a bolt's state in memory (or in a Redis), so a kill loses it. This bolt finds its counts in its own output: it reads that to its end before it counts.
// What the spout replays is written again with the count it had: a task behind it takes the copies out by the click's id.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.StormSubmitter;
import org.apache.storm.kafka.bolt.KafkaBolt;
import org.apache.storm.kafka.bolt.mapper.FieldNameBasedTupleToKafkaMapper;
import org.apache.storm.kafka.spout.KafkaSpout;
import org.apache.storm.kafka.spout.KafkaSpoutConfig;
import org.apache.storm.kafka.spout.FirstPollOffsetStrategy;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.storm.tuple.Values;
import org.apache.storm.utils.Utils;

public class CountClicksStorm {
    static final String DESERIALIZER = "org.apache.kafka.common.serialization.StringDeserializer";
    static final String SERIALIZER = "org.apache.kafka.common.serialization.StringSerializer";

    public static void main(String[] args) throws Exception {
        // Classes of a source file are known to its own class loader only.
        Utils.setClassLoaderForJavaDeSerialize(CountClicksStorm.class.getClassLoader());
        Properties config = new Properties();
        try (FileInputStream file = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            config.load(file);
        }
        String bootstrap = config.getProperty("bootstrap.servers");
        String writes = System.getenv("MILLRACE_WRITES");
        int parallelism = Integer.parseInt(config.getProperty("parallelism"));

        KafkaSpoutConfig<String, String> clicks = KafkaSpoutConfig.builder(bootstrap, System.getenv("MILLRACE_READS"))
            .setProp("group.id", config.getProperty("group.id"))
            .setProp("isolation.level", config.getProperty("isolation.level"))
            .setProp("key.deserializer", DESERIALIZER)
            .setProp("value.deserializer", DESERIALIZER)
            .setProcessingGuarantee(KafkaSpoutConfig.ProcessingGuarantee.AT_LEAST_ONCE)
            .setFirstPollOffsetStrategy(FirstPollOffsetStrategy.UNCOMMITTED_EARLIEST)
            .setOffsetCommitPeriodMs(Long.parseLong(config.getProperty("offset.commit.period.ms")))
            .build();
        Properties producer = new Properties();
        producer.put("bootstrap.servers", bootstrap);
        producer.put("acks", "all");
        producer.put("key.serializer", SERIALIZER);
        producer.put("value.serializer", SERIALIZER);

        TopologyBuilder builder = new TopologyBuilder();
        builder.setSpout("clicks", new KafkaSpout<>(clicks), parallelism);
        builder.setBolt("count", new Counter(bootstrap, writes), parallelism).fieldsGrouping("clicks", new Fields("key"));
        builder.setBolt("counted", new KafkaBolt<String, String>()
            .withProducerProperties(producer).withTopicSelector(writes)
            .withTupleToKafkaMapper(new FieldNameBasedTupleToKafkaMapper<>("key", "message")), parallelism).fieldsGrouping("count", new Fields("key"));

        Config topology = new Config();
        topology.setNumWorkers(1);
        topology.setMaxSpoutPending(Integer.parseInt(config.getProperty("topology.max.spout.pending")));
        topology.setMessageTimeoutSecs(Integer.parseInt(config.getProperty("topology.message.timeout.secs")));
        if (config.getProperty("topology.submit").equals("cluster")) {
            StormSubmitter.submitTopology(config.getProperty("topology.name"), topology, builder.createTopology());
            return;
        }
        LocalCluster cluster = new LocalCluster();
        LocalCluster.LocalTopology running = cluster.submitTopology(config.getProperty("topology.name"), topology, builder.createTopology());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                running.close();
                cluster.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        Thread.currentThread().join();
    }

    static class Counter extends BaseRichBolt {
        private final String bootstrap;
        private final String topic;
        private transient ObjectMapper json;
        private transient OutputCollector collector;
        private transient Map<String, Long> counts;
        // Count of each click by its id: a click that comes again must not count again. An application that runs for long forgets the old ones.
        private transient Map<String, Long> counted;

        Counter(String bootstrap, String topic) {
            this.bootstrap = bootstrap;
            this.topic = topic;
        }

        @Override
        public void prepare(Map<String, Object> config, TopologyContext context, OutputCollector collector) {
            this.json = new ObjectMapper();
            this.collector = collector;
            this.counts = new HashMap<>();
            this.counted = new HashMap<>();
            restore();
        }

        private void restore() {
            Properties consumer = new Properties();
            consumer.put("bootstrap.servers", bootstrap);
            consumer.put("key.deserializer", DESERIALIZER);
            consumer.put("value.deserializer", DESERIALIZER);
            try (KafkaConsumer<String, String> output = new KafkaConsumer<>(consumer)) {
                List<TopicPartition> partitions = output.partitionsFor(topic).stream().map(each -> new TopicPartition(topic, each.partition())).toList();
                output.assign(partitions);
                output.seekToBeginning(partitions);
                Map<TopicPartition, Long> ends = output.endOffsets(partitions);
                while (partitions.stream().anyMatch(each -> output.position(each) < ends.get(each))) {
                    for (ConsumerRecord<String, String> record : output.poll(Duration.ofMillis(200))) {
                        ObjectNode click = read(record.value());
                        long count = click.get("count").asLong();
                        counts.merge(record.key(), count, Math::max);
                        counted.put(click.get("id").asText(), count);
                    }
                }
            }
        }

        @Override
        public void execute(Tuple tuple) {
            String key = tuple.getStringByField("key");
            ObjectNode click = read(tuple.getStringByField("value"));
            String id = click.get("id").asText();
            Long count = counted.get(id);
            if (count == null) {
                count = counts.merge(key, 1L, Long::sum);
                counted.put(id, count);
            }
            click.put("count", count);
            collector.emit(tuple, new Values(key, click.toString()));
            collector.ack(tuple);
        }

        private ObjectNode read(String value) {
            try {
                return (ObjectNode) json.readTree(value);
            } catch (Exception error) {
                throw new IllegalArgumentException("no click: " + value, error);
            }
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
            declarer.declare(new Fields("key", "message"));
        }
    }
}
