// How many clicks each shopper has made so far, written once for each click: a DataStream job of Flink, for `flink({ jar, args })`.
//
//   javac -cp "$FLINK_JARS" -d classes CountClicksFlink.java && jar --create --file count.jar --main-class CountClicksFlink -C classes .
//
// Its arguments are what the graph says: args: ['${bootstrap}', '${group}', '${isolation}', '${guarantee}', '${transactionalIdPrefix}', INPUT, OUTPUT]. Checkpoints are set from outside.
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.kafka.clients.producer.ProducerRecord;

public class CountClicksFlink {
    /** Shopper and click. */
    private static final TypeInformation<Tuple2<String, String>> CLICK = TypeInformation.of(new TypeHint<Tuple2<String, String>>() {});

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], group = args[1], isolation = args[2], guarantee = args[3], prefix = args[4], input = args[5], output = args[6];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        KafkaSource<Tuple2<String, String>> clicks = KafkaSource.<Tuple2<String, String>>builder()
            .setBootstrapServers(bootstrap).setTopics(input).setGroupId(group).setProperty("isolation.level", isolation)
            .setStartingOffsets(OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST)).setDeserializer(new Click()).build();
        KafkaSink<Tuple2<String, String>> counted = KafkaSink.<Tuple2<String, String>>builder()
            .setBootstrapServers(bootstrap).setDeliveryGuarantee(guarantee.equals("exactly-once") ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
            .setTransactionalIdPrefix(prefix).setProperty("transaction.timeout.ms", "900000").setRecordSerializer(new Row(output)).build();
        // Fixed ids: so that a savepoint is found again by the next version of this job.
        env.fromSource(clicks, WatermarkStrategy.noWatermarks(), "clicks").uid("clicks")
            .keyBy(click -> click.f0).process(new Count()).returns(CLICK).uid("count")
            .sinkTo(counted).uid("counted");
        env.execute();
    }

    private static class Count extends KeyedProcessFunction<String, Tuple2<String, String>, Tuple2<String, String>> {
        private transient ValueState<Long> count;

        @Override
        public void open(OpenContext context) {
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Long.class));
        }

        @Override
        public void processElement(Tuple2<String, String> click, Context context, Collector<Tuple2<String, String>> out) throws Exception {
            long now = (count.value() == null ? 0 : count.value()) + 1;
            count.update(now);
            out.collect(Tuple2.of(click.f0, click.f1.substring(0, click.f1.lastIndexOf('}')) + ",\"count\":" + now + "}"));
        }
    }

    private static class Click implements KafkaRecordDeserializationSchema<Tuple2<String, String>> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<String, String>> out) throws IOException {
            out.collect(Tuple2.of(new String(record.key(), StandardCharsets.UTF_8), new String(record.value(), StandardCharsets.UTF_8)));
        }

        @Override
        public TypeInformation<Tuple2<String, String>> getProducedType() {
            return CLICK;
        }
    }

    private static class Row implements KafkaRecordSerializationSchema<Tuple2<String, String>> {
        private final String topic;

        private Row(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Tuple2<String, String> row, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(topic, null, timestamp, row.f0.getBytes(StandardCharsets.UTF_8), row.f1.getBytes(StandardCharsets.UTF_8));
        }
    }
}
