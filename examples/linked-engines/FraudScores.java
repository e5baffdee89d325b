// How little like a human being each visitor acts, as a Storm topology: clicks and carts of ten seconds become a score, written for each click.
// Run by `storm({ source: 'FraudScores.java' })`; what it reads, writes and how it is configured comes from its environment.
//
// Storm keeps a bolt's state in memory, so a kill loses ten seconds of each visitor, and no more: scores are right again that much later.
// What the spout replays is written again; the task behind it takes the copies out by the click's origin.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileInputStream;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.kafka.bolt.KafkaBolt;
import org.apache.storm.kafka.bolt.mapper.FieldNameBasedTupleToKafkaMapper;
import org.apache.storm.kafka.spout.FirstPollOffsetStrategy;
import org.apache.storm.kafka.spout.KafkaSpout;
import org.apache.storm.kafka.spout.KafkaSpoutConfig;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.storm.tuple.Values;
import org.apache.storm.utils.Utils;

public class FraudScores {
    static final String DESERIALIZER = "org.apache.kafka.common.serialization.StringDeserializer";
    static final String SERIALIZER = "org.apache.kafka.common.serialization.StringSerializer";

    public static void main(String[] args) throws Exception {
        // Classes of a source file are known to its own class loader only.
        Utils.setClassLoaderForJavaDeSerialize(FraudScores.class.getClassLoader());
        Properties config = new Properties();
        try (FileInputStream file = new FileInputStream(System.getenv("MILLRACE_CONFIG"))) {
            config.load(file);
        }
        String bootstrap = config.getProperty("bootstrap.servers");
        int parallelism = Integer.parseInt(config.getProperty("parallelism"));

        KafkaSpoutConfig<String, String> clicks = KafkaSpoutConfig.builder(bootstrap, System.getenv("MILLRACE_READS"))
            .setProp("group.id", config.getProperty("group.id"))
            .setProp("isolation.level", config.getProperty("isolation.level"))
            .setProp("key.deserializer", DESERIALIZER)
            .setProp("value.deserializer", DESERIALIZER)
            .setProcessingGuarantee(KafkaSpoutConfig.ProcessingGuarantee.AT_LEAST_ONCE)
            .setFirstPollOffsetStrategy(FirstPollOffsetStrategy.UNCOMMITTED_EARLIEST)
            .setOffsetCommitPeriodMs(1000)
            .build();
        Properties producer = new Properties();
        producer.put("bootstrap.servers", bootstrap);
        producer.put("acks", "all");
        producer.put("key.serializer", SERIALIZER);
        producer.put("value.serializer", SERIALIZER);

        TopologyBuilder builder = new TopologyBuilder();
        builder.setSpout("clicks", new KafkaSpout<>(clicks), parallelism);
        // One visitor, one bolt: its clicks are seen in their order.
        builder.setBolt("score", new Scorer(), parallelism).fieldsGrouping("clicks", new Fields("key"));
        builder.setBolt("scores", new KafkaBolt<String, String>()
            .withProducerProperties(producer).withTopicSelector(System.getenv("MILLRACE_WRITES"))
            .withTupleToKafkaMapper(new FieldNameBasedTupleToKafkaMapper<>("key", "message")), parallelism).fieldsGrouping("score", new Fields("key"));

        Config topology = new Config();
        topology.setNumWorkers(1);
        topology.setMessageTimeoutSecs(Integer.parseInt(config.getProperty("topology.message.timeout.secs")));
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

    static class Scorer extends BaseRichBolt {
        static final long WINDOW_MS = 10_000;
        static final int VISITORS_MAX = 10_000;
        // What a hurried shopper may do in that time.
        static final int USUAL_CLICKS = 4;
        static final int USUAL_CARTS = 1;

        private transient ObjectMapper json;
        private transient OutputCollector collector;
        private transient Map<String, ArrayDeque<long[]>> visitors;

        @Override
        public void prepare(Map<String, Object> config, TopologyContext context, OutputCollector collector) {
            this.json = new ObjectMapper();
            this.collector = collector;
            this.visitors = new LinkedHashMap<>(16, 0.75f, true) {
                @Override
                protected boolean removeEldestEntry(Map.Entry<String, ArrayDeque<long[]>> eldest) {
                    return size() > VISITORS_MAX;
                }
            };
        }

        @Override
        public void execute(Tuple tuple) {
            try {
                String visitor = tuple.getStringByField("key");
                JsonNode click = json.readTree(tuple.getStringByField("value"));
                long at = click.get("at").asLong();
                ArrayDeque<long[]> window = visitors.computeIfAbsent(visitor, each -> new ArrayDeque<>());
                window.addLast(new long[] { at, click.get("type").asText().equals("cart") ? 1 : 0 });
                while (window.getFirst()[0] <= at - WINDOW_MS) window.removeFirst();
                long clicks = window.size();
                long carts = window.stream().filter(each -> each[1] == 1).count();
                double score = Math.min(1, Math.max(0, clicks - USUAL_CLICKS) / 10.0 + Math.max(0, carts - USUAL_CARTS) / 4.0);
                String scored = json.createObjectNode().put("origin", click.get("origin").asText())
                    .put("score", score).put("clicks", clicks).put("carts", carts).put("at", at).toString();
                collector.emit(tuple, new Values(visitor, scored));
                collector.ack(tuple);
            } catch (java.io.IOException error) {
                throw new IllegalArgumentException("no click: " + tuple.getStringByField("value"), error);
            }
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
            declarer.declare(new Fields("key", "message"));
        }
    }
}
