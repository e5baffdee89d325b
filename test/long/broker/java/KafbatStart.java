import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.serialization.BytesDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;

/**
 * What Kafbat UI asks a cluster, in its order: when it is added to its list, each time its statistics are taken, and when a reader opens its pages
 * (its classes ReactiveAdminClient, ScrapedClusterState, StatisticsService, TopicsService, MessagesService). A line each, as AdminCalls writes them.
 * Argument: bootstrap of a broker where the topic `seen` has three records and the group `readers` has read them.
 */
public final class KafbatStart {
    public static void main(String[] args) throws Exception {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", "20000", "request.timeout.ms", "10000"));
        prepare(config);
        Admin admin = Admin.create(config);
        int controller = added(admin);
        statistics(admin, controller);
        pages(admin, config);
        admin.close(Duration.ofSeconds(5));
        System.out.flush();
        System.exit(0);
    }

    private static void prepare(Map<String, Object> config) throws Exception {
        try (Admin admin = Admin.create(config)) {
            admin.createTopics(List.of(new NewTopic("seen", 2, (short) 1))).all().get();
        }
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int count = 0; count < 3; count++) producer.send(new ProducerRecord<>("seen", 0, "k", "v" + count)).get();
        }
        Map<String, Object> more = new HashMap<>(config);
        more.putAll(Map.of("group.id", "readers", "auto.offset.reset", "earliest"));
        try (KafkaConsumer<Bytes, Bytes> consumer = new KafkaConsumer<>(more, new BytesDeserializer(), new BytesDeserializer())) {
            consumer.subscribe(List.of("seen"));
            for (int count = 0; count < 3;) count += consumer.poll(Duration.ofMillis(200)).count();
            consumer.commitSync();
        }
    }

    /** ConfigRelatedInfo.extract: the broker's version and what it can do. */
    private static int added(Admin admin) throws Exception {
        AdminCalls.say("describeCluster", () -> describeCluster(admin, false));
        int controller = admin.describeCluster().controller().get().id();
        AdminCalls.say("describeConfigs of the controller", () -> {
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(controller));
            Collection<ConfigEntry> entries = admin.describeConfigs(List.of(broker)).all().get().get(broker).entries();
            return (entries.size() > 20) + " " + AdminCalls.sorted(entries.stream().filter(each -> each.name().equals("delete.topic.enable")).toList(), each -> each.name() + "=" + each.value());
        });
        AdminCalls.say("describeFeatures: the version it shows", () -> "" + admin.describeFeatures().featureMetadata().get().finalizedFeatures().get("metadata.version").maxVersionLevel());
        AdminCalls.say("describeAcls: whether there are rights", () -> "" + admin.describeAcls(AclBindingFilter.ANY).values().get().size());
        return controller;
    }

    /** StatisticsService.getStatistics: each half minute, several at a time. */
    private static void statistics(Admin admin, int controller) throws Exception {
        AdminCalls.say("describeCluster with rights", () -> describeCluster(admin, true));
        List<Integer> nodes = admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        KafkaFuture<Map<Integer, Map<String, LogDirDescription>>> directories = admin.describeLogDirs(nodes).allDescriptions();
        KafkaFuture<Collection<ConsumerGroupListing>> groups = admin.listConsumerGroups().all();
        KafkaFuture<Set<String>> names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names();
        KafkaFuture<QuorumInfo> quorum = admin.describeMetadataQuorum().quorumInfo();
        AdminCalls.say("describeLogDirs", () -> AdminCalls.sorted(directories.get().get(controller).values(), each -> each.totalBytes().isPresent() + " " + each.usableBytes().isPresent() + " " + AdminCalls.sorted(each.replicaInfos().keySet().stream().filter(name -> name.topic().equals("seen")).toList(), TopicPartition::toString)));
        AdminCalls.say("listConsumerGroups", () -> AdminCalls.sorted(groups.get(), each -> each.groupId() + " " + each.isSimpleConsumerGroup()));
        AdminCalls.say("listTopics", () -> AdminCalls.sorted(names.get().stream().filter(name -> name.equals("seen") || name.equals("__consumer_offsets")).toList(), name -> name));
        AdminCalls.say("describeMetadataQuorum", () -> quorum.get().leaderId() + " " + quorum.get().voters().size());
        List<TopicPartition> partitions = new ArrayList<>();
        AdminCalls.say("describeTopics", () -> {
            Map<String, TopicDescription> described = admin.describeTopics(names.get()).allTopicNames().get();
            described.values().forEach(topic -> topic.partitions().forEach(each -> partitions.add(new TopicPartition(topic.name(), each.partition()))));
            return (described.size() == names.get().size()) + " " + described.get("__consumer_offsets").isInternal() + " " + described.get("seen").partitions().size() + " " + described.values().stream().allMatch(topic -> topic.partitions().stream().allMatch(each -> each.leader() != null));
        });
        AdminCalls.say("describeConfigs of all topics", () -> {
            List<ConfigResource> topics = names.get().stream().map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name)).toList();
            Map<ConfigResource, Config> found = admin.describeConfigs(topics, new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(false)).all().get();
            return (found.size() == topics.size()) + " " + found.get(new ConfigResource(ConfigResource.Type.TOPIC, "__consumer_offsets")).get("cleanup.policy").value();
        });
        AdminCalls.say("listOffsets: the ends", () -> offsets(admin, partitions, OffsetSpec.latest()));
        AdminCalls.say("listOffsets: the beginnings", () -> offsets(admin, partitions, OffsetSpec.earliest()));
        List<String> ids = groups.get().stream().map(ConsumerGroupListing::groupId).toList();
        AdminCalls.say("describeConsumerGroups", () -> AdminCalls.sorted(admin.describeConsumerGroups(ids).all().get().values(), each -> each.groupId() + " " + each.groupState() + " " + each.members().size() + " " + each.coordinator().id() + " '" + each.partitionAssignor() + "'"));
        AdminCalls.say("listConsumerGroupOffsets", () -> {
            Map<String, ListConsumerGroupOffsetsSpec> specs = new HashMap<>();
            for (String id : ids) specs.put(id, new ListConsumerGroupOffsetsSpec().topicPartitions(null));
            return AdminCalls.sorted(admin.listConsumerGroupOffsets(specs).all().get().entrySet(), each -> each.getKey() + " " + AdminCalls.sorted(each.getValue().entrySet(), place -> place.getKey() + "=" + place.getValue().offset()));
        });
    }

    private static void pages(Admin admin, Map<String, Object> config) {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "seen");
        AdminCalls.say("page of a topic: describeConfigs with documentation", () -> "" + admin.describeConfigs(List.of(topic), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(topic).entries().stream().allMatch(each -> each.documentation() != null && !each.synonyms().isEmpty() == (each.source() != ConfigEntry.ConfigSource.UNKNOWN)));
        AdminCalls.say("page of a topic: describeProducers", () -> "" + admin.describeProducers(List.of(new TopicPartition("seen", 0), new TopicPartition("seen", 1))).all().get().size());
        AdminCalls.say("page of a topic: its records", () -> {
            try (KafkaConsumer<Bytes, Bytes> consumer = new KafkaConsumer<>(config, new BytesDeserializer(), new BytesDeserializer())) {
                List<TopicPartition> both = List.of(new TopicPartition("seen", 0), new TopicPartition("seen", 1));
                Map<TopicPartition, Long> from = consumer.beginningOffsets(both);
                Map<TopicPartition, Long> to = consumer.endOffsets(both);
                consumer.assign(both);
                from.forEach(consumer::seek);
                int count = 0;
                while (count < 3) count += consumer.poll(Duration.ofMillis(200)).count();
                return count + " " + to.get(both.get(0)) + " " + to.get(both.get(1)) + " " + consumer.offsetsForTimes(Map.of(both.get(0), 0L)).get(both.get(0)).offset();
            }
        });
        AdminCalls.say("page of a topic: set a config, take it back", () -> {
            admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "1000000"), AlterConfigOp.OpType.SET)))).all().get();
            admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
            return "";
        });
        AdminCalls.say("page of a topic: more partitions", () -> { admin.createPartitions(Map.of("seen", NewPartitions.increaseTo(3))).all().get(); return ""; });
        AdminCalls.say("page of a topic: reassign", () -> { admin.alterPartitionReassignments(Map.of(new TopicPartition("seen", 0), Optional.of(new NewPartitionReassignment(List.of(1))))).all().get(); return ""; });
        AdminCalls.say("page of a topic: delete its records", () -> { admin.deleteRecords(Map.of(new TopicPartition("seen", 0), RecordsToDelete.beforeOffset(3))).all().get(); return ""; });
        AdminCalls.say("page of a topic: create it as all brokers would", () -> { admin.createTopics(List.of(new NewTopic("new", Optional.of(1), Optional.empty()).configs(Map.of()))).all().get(); return ""; });
        AdminCalls.say("page of a topic: delete it", () -> { admin.deleteTopics(List.of("new")).all().get(); return ""; });
        AdminCalls.say("page of a broker: its configs", () -> "" + (admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.BROKER, "1"))).all().get().values().iterator().next().entries().size() > 20));
        AdminCalls.say("page of a group: reset its offsets", () -> { admin.alterConsumerGroupOffsets("readers", Map.of(new TopicPartition("seen", 0), new org.apache.kafka.clients.consumer.OffsetAndMetadata(1))).all().get(); return ""; });
        AdminCalls.say("page of a group: delete it", () -> { admin.deleteConsumerGroups(List.of("readers")).all().get(); return ""; });
        AdminCalls.say("page of rights", () -> "" + admin.describeAcls(new AclBindingFilter(ResourcePatternFilter.ANY, AccessControlEntryFilter.ANY)).values().get().size());
        AdminCalls.say("page of quotas", () -> "" + admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get());
    }

    private static String describeCluster(Admin admin, boolean withRights) throws Exception {
        DescribeClusterResult found = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(withRights));
        Set<AclOperation> rights = found.authorizedOperations().get();
        return found.controller().get().id() + " " + (found.clusterId().get().length() > 0) + " " + found.nodes().get().size() + " " + (rights == null ? "" : rights.contains(AclOperation.ALTER));
    }

    private static String offsets(Admin admin, List<TopicPartition> partitions, OffsetSpec spec) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (TopicPartition partition : partitions) asked.put(partition, spec);
        Map<TopicPartition, ListOffsetsResult.ListOffsetsResultInfo> found = admin.listOffsets(asked).all().get();
        return (found.size() == partitions.size()) + " " + AdminCalls.sorted(found.entrySet().stream().filter(each -> each.getKey().topic().equals("seen")).toList(), each -> each.getKey() + "=" + each.getValue().offset());
    }
}
