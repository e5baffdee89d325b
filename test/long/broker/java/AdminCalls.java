import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Calls every method of Admin against one broker, and says on stdout, a line each: the call, `ok` or the class of its error, what it gave; parts separated by tabs.
 * What differs from broker to broker (ids, hosts, times, paths) is left out. Last, for each method of Admin that was not called: `uncalled` and its name.
 * Argument: bootstrap.
 */
public final class AdminCalls {
    private static final Set<String> called = new TreeSet<>();
    private static final Map<String, Object> config = new TreeMap<>();
    /** Of the first record: old ones are deleted by retention. */
    private static final long TIME = System.currentTimeMillis() - 60_000;

    public static void main(String[] args) throws Exception {
        config.putAll(Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", "20000", "request.timeout.ms", "10000"));
        Admin real = Admin.create(config);
        Admin admin = (Admin) Proxy.newProxyInstance(Admin.class.getClassLoader(), new Class<?>[] {Admin.class}, (proxy, method, arguments) -> {
            called.add(method.getName());
            try {
                return method.invoke(real, arguments);
            } catch (InvocationTargetException thrown) {
                throw thrown.getCause();
            }
        });
        topics(admin);
        configs(admin);
        records(admin);
        groups(admin);
        groupsOfOtherKinds(admin);
        transactions(admin);
        replicas(admin);
        acls(admin);
        quotasAndUsers(admin);
        cluster(admin);
        say("deleteTopics", () -> { admin.deleteTopics(List.of("one", "grown")).all().get(); return ""; });
        say("deleteTopics: by id", () -> { admin.deleteTopics(TopicCollection.ofTopicIds(List.of(admin.describeTopics(List.of("by-id")).topicNameValues().get("by-id").get().topicId()))).all().get(); return ""; });
        say("deleteTopics: none such", () -> { admin.deleteTopics(List.of("one")).all().get(); return ""; });
        say("close", () -> { admin.close(Duration.ofSeconds(5)); return ""; });
        Arrays.stream(Admin.class.getMethods()).filter(method -> !Modifier.isStatic(method.getModifiers())).map(Method::getName).distinct().sorted().filter(name -> !called.contains(name)).forEach(name -> System.out.println("uncalled\t" + name));
        System.out.flush();
        System.exit(0);
    }

    private static void topics(Admin admin) {
        say("createTopics", () -> {
            var made = admin.createTopics(List.of(new NewTopic("one", 1, (short) 1), new NewTopic("grown", Optional.of(2), Optional.empty()).configs(Map.of("cleanup.policy", "compact", "segment.bytes", "1048576")), new NewTopic("by-id", Map.of(0, List.of(1)))));
            made.all().get();
            return made.numPartitions("grown").get() + " " + made.replicationFactor("grown").get() + " " + made.config("grown").get().get("cleanup.policy").value() + " " + made.config("grown").get().get("segment.bytes").source();
        });
        say("createTopics: exists", () -> { admin.createTopics(List.of(new NewTopic("one", 1, (short) 1))).all().get(); return ""; });
        say("createTopics: too many replicas", () -> { admin.createTopics(List.of(new NewTopic("wide", 1, (short) 3))).all().get(); return ""; });
        say("createTopics: no such config", () -> { admin.createTopics(List.of(new NewTopic("odd", 1, (short) 1).configs(Map.of("no.such", "1")))).all().get(); return ""; });
        say("createTopics: a name that is none", () -> { admin.createTopics(List.of(new NewTopic("a/b", 1, (short) 1))).all().get(); return ""; });
        say("createTopics: a try", () -> { admin.createTopics(List.of(new NewTopic("tried", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get(); return "" + admin.listTopics().names().get().contains("tried"); });
        say("createPartitions", () -> { admin.createPartitions(Map.of("grown", NewPartitions.increaseTo(3))).all().get(); return ""; });
        say("createPartitions: fewer", () -> { admin.createPartitions(Map.of("grown", NewPartitions.increaseTo(1))).all().get(); return ""; });
        say("createPartitions: none such", () -> { admin.createPartitions(Map.of("absent", NewPartitions.increaseTo(3))).all().get(); return ""; });
        say("listTopics", () -> sorted(admin.listTopics(new ListTopicsOptions().listInternal(false)).listings().get(), each -> each.name() + " " + each.isInternal()));
        say("describeTopics", () -> sorted(admin.describeTopics(List.of("one", "grown"), new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get().values(), AdminCalls::topicText));
        say("describeTopics: by id", () -> {
            Uuid id = admin.describeTopics(List.of("one")).topicNameValues().get("one").get().topicId();
            return topicText(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id));
        });
        say("describeTopics: none such", () -> { admin.describeTopics(List.of("absent")).allTopicNames().get(); return ""; });
        say("describeTopics: by an id of none", () -> { admin.describeTopics(TopicCollection.ofTopicIds(List.of(new Uuid(1, 2)))).allTopicIds().get(); return ""; });
    }

    private static String topicText(TopicDescription topic) {
        return topic.name() + " " + topic.isInternal() + " " + sorted(topic.partitions(), each -> each.partition() + ":" + each.leader().id() + each.replicas().size() + each.isr().size() + (each.elr() == null ? "" : each.elr().size()))
            + " " + (topic.authorizedOperations() == null ? "" : new TreeSet<>(topic.authorizedOperations()));
    }

    private static void configs(Admin admin) {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "one");
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        say("incrementalAlterConfigs", () -> {
            admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "86400000"), AlterConfigOp.OpType.SET), new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)))).all().get();
            return "";
        });
        say("incrementalAlterConfigs: no such", () -> { admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("no.such", "1"), AlterConfigOp.OpType.SET)))).all().get(); return ""; });
        say("incrementalAlterConfigs: no number", () -> { admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all().get(); return ""; });
        say("incrementalAlterConfigs: of no topic", () -> { admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, "absent"), List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET)))).all().get(); return ""; });
        say("incrementalAlterConfigs: a try", () -> { admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET))), new AlterConfigsOptions().validateOnly(true)).all().get(); return ""; });
        say("incrementalAlterConfigs: of the broker", () -> { admin.incrementalAlterConfigs(Map.of(broker, List.of(new AlterConfigOp(new ConfigEntry("log.cleaner.threads", "2"), AlterConfigOp.OpType.SET)))).all().get(); return ""; });
        say("incrementalAlterConfigs: of the broker, what is fixed", () -> { admin.incrementalAlterConfigs(Map.of(broker, List.of(new AlterConfigOp(new ConfigEntry("broker.id", "2"), AlterConfigOp.OpType.SET)))).all().get(); return ""; });
        say("describeConfigs: of a topic", () -> {
            Config found = admin.describeConfigs(List.of(topic), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(topic);
            return sorted(found.entries(), each -> each.name() + (each.documentation() == null ? " without documentation" : "")) + " " + found.get("retention.ms").value() + " " + found.get("retention.ms").source() + " " + found.get("cleanup.policy").value();
        });
        say("describeConfigs: of the broker", () -> {
            Config found = admin.describeConfigs(List.of(broker)).all().get().get(broker);
            return sorted(List.of("auto.create.topics.enable", "delete.topic.enable", "message.max.bytes", "num.partitions", "log.retention.hours"), name -> name + "=" + (found.get(name) == null ? null : found.get(name).value()));
        });
        say("describeConfigs: of no topic", () -> { admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.TOPIC, "absent"))).all().get(); return ""; });
        say("describeConfigs: of a group", () -> { ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, "some"); return sorted(admin.describeConfigs(List.of(group)).all().get().get(group).entries(), ConfigEntry::name); });
        say("describeConfigs: of loggers", () -> { ConfigResource loggers = new ConfigResource(ConfigResource.Type.BROKER_LOGGER, "1"); admin.describeConfigs(List.of(loggers)).all().get(); return ""; });
        say("listConfigResources", () -> sorted(admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC, ConfigResource.Type.BROKER), new ListConfigResourcesOptions()).all().get().stream().filter(each -> !each.name().startsWith("__")).toList(), each -> each.type() + " " + each.name()));
        say("listClientMetricsResources", () -> sorted(admin.listClientMetricsResources().all().get(), Object::toString));
    }

    private static void records(Admin admin) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int count = 0; count < 10; count++) producer.send(new ProducerRecord<>("one", 0, TIME + count, "k", "v" + count)).get();
            for (int count = 0; count < 3; count++) producer.send(new ProducerRecord<>("grown", count, "k", "v")).get();
        }
        TopicPartition first = new TopicPartition("one", 0);
        Map<String, OffsetSpec> specs = new TreeMap<>(Map.of("earliest", OffsetSpec.earliest(), "latest", OffsetSpec.latest(), "max timestamp", OffsetSpec.maxTimestamp(), "of a time", OffsetSpec.forTimestamp(TIME + 4), "of a time to come", OffsetSpec.forTimestamp(TIME + 5000),
            "earliest local", OffsetSpec.earliestLocal(), "latest tiered", OffsetSpec.latestTiered()));
        specs.forEach((name, spec) -> say("listOffsets: " + name, () -> { var found = admin.listOffsets(Map.of(first, spec)).partitionResult(first).get(); return found.offset() + " " + (found.timestamp() < 0 ? "none" : found.timestamp() - TIME) + " " + found.leaderEpoch().isPresent(); }));
        say("listOffsets: none such", () -> { admin.listOffsets(Map.of(new TopicPartition("one", 7), OffsetSpec.latest()), new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED).timeoutMs(3000)).all().get(); return ""; });
        say("deleteRecords", () -> "" + admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(first).get().lowWatermark());
        say("deleteRecords: beyond the end", () -> "" + admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(40))).lowWatermarks().get(first).get().lowWatermark());
        say("deleteRecords: of a compacted topic", () -> "" + admin.deleteRecords(Map.of(new TopicPartition("grown", 0), RecordsToDelete.beforeOffset(1))).all().get());
        say("listOffsets: earliest after that", () -> "" + admin.listOffsets(Map.of(first, OffsetSpec.earliest())).partitionResult(first).get().offset());
    }

    private static void groups(Admin admin) throws Exception {
        TopicPartition first = new TopicPartition("one", 0);
        try (KafkaConsumer<String, String> classic = consumer("classic", "classic", "one"); KafkaConsumer<String, String> modern = consumer("modern", "consumer", "one")) {
            for (KafkaConsumer<String, String> each : List.of(classic, modern)) {
                int read = 0;
                for (long since = System.nanoTime(); read < 6 && System.nanoTime() - since < 60_000_000_000L;) read += each.poll(Duration.ofMillis(200)).count();
                System.out.println("a group reads\tok\t" + read);
                each.commitSync();
            }
            say("listGroups", () -> sorted(admin.listGroups().all().get(), each -> each.groupId() + " " + each.type() + " " + each.protocol() + " " + each.groupState() + " " + each.isSimpleConsumerGroup()));
            say("listGroups: of a type", () -> sorted(admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))).all().get(), GroupListing::groupId));
            say("listConsumerGroups", () -> sorted(admin.listConsumerGroups().all().get(), each -> each.groupId() + " " + each.type() + " " + each.groupState()));
            say("listConsumerGroups: empty ones", () -> sorted(admin.listConsumerGroups(new ListConsumerGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))).all().get(), ConsumerGroupListing::groupId));
            say("describeConsumerGroups", () -> sorted(admin.describeConsumerGroups(List.of("classic", "modern"), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true)).all().get().values(), each -> each.groupId() + " " + each.type() + " " + each.groupState() + " " + each.partitionAssignor()
                + " " + each.coordinator().id() + " " + new TreeSet<>(each.authorizedOperations()) + " " + each.groupEpoch().isPresent() + " " + each.targetAssignmentEpoch().isPresent() + " "
                + sorted(each.members(), member -> member.clientId() + " " + member.groupInstanceId() + " " + member.assignment().topicPartitions() + " " + member.targetAssignment().map(MemberAssignment::topicPartitions) + " " + member.memberEpoch().isPresent() + " " + member.upgraded())));
            say("describeClassicGroups", () -> sorted(admin.describeClassicGroups(List.of("classic")).all().get().values(), each -> each.groupId() + " " + each.protocol() + " " + each.protocolData() + " " + each.state() + " " + each.members().size()));
            say("describeClassicGroups: of a consumer group", () -> sorted(admin.describeClassicGroups(List.of("modern")).all().get().values(), each -> each.groupId() + " " + each.protocol() + " " + each.state()));
            say("listConsumerGroupOffsets", () -> "" + new TreeMap<>(Map.of("classic", offsets(admin, "classic"), "modern", offsets(admin, "modern"), "absent", offsets(admin, "absent"))));
            say("listConsumerGroupOffsets: of partitions", () -> { var found = admin.listConsumerGroupOffsets(Map.of("modern", new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(first, new TopicPartition("grown", 1))))).partitionsToOffsetAndMetadata("modern").get(); return (found.get(first) == null ? null : found.get(first).offset()) + " " + found.get(new TopicPartition("grown", 1)); });
            say("alterConsumerGroupOffsets: of a group that runs", () -> { admin.alterConsumerGroupOffsets("modern", Map.of(first, new OffsetAndMetadata(5))).all().get(); return ""; });
            say("alterConsumerGroupOffsets: of a classic group that runs", () -> { admin.alterConsumerGroupOffsets("classic", Map.of(first, new OffsetAndMetadata(5))).all().get(); return ""; });
            say("deleteConsumerGroupOffsets: of a group that runs", () -> { admin.deleteConsumerGroupOffsets("modern", Set.of(first)).all().get(); return ""; });
            say("deleteConsumerGroups: that run", () -> { admin.deleteConsumerGroups(List.of("modern")).all().get(); return ""; });
            say("removeMembersFromConsumerGroup", () -> { admin.removeMembersFromConsumerGroup("classic", new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("classic-1")))).all().get(); return ""; });
            say("removeMembersFromConsumerGroup: of a consumer group", () -> { admin.removeMembersFromConsumerGroup("modern", new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("modern-1")))).all().get(); return ""; });
            say("removeMembersFromConsumerGroup: nobody", () -> { admin.removeMembersFromConsumerGroup("classic", new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("nobody")))).all().get(); return ""; });
        }
        say("removeMembersFromConsumerGroup: all", () -> { admin.removeMembersFromConsumerGroup("classic", new RemoveMembersFromConsumerGroupOptions()).all().get(); return ""; });
        say("alterConsumerGroupOffsets", () -> { admin.alterConsumerGroupOffsets("classic", Map.of(first, new OffsetAndMetadata(5, "by hand"))).all().get(); return offsets(admin, "classic"); });
        say("alterConsumerGroupOffsets: makes a group", () -> { admin.alterConsumerGroupOffsets("made", Map.of(first, new OffsetAndMetadata(2))).all().get(); return offsets(admin, "made"); });
        say("alterConsumerGroupOffsets: of no topic", () -> { admin.alterConsumerGroupOffsets("made", Map.of(new TopicPartition("absent", 0), new OffsetAndMetadata(2))).all().get(); return ""; });
        say("deleteConsumerGroupOffsets", () -> { admin.deleteConsumerGroupOffsets("classic", Set.of(first)).all().get(); return offsets(admin, "classic"); });
        say("deleteConsumerGroupOffsets: of no group", () -> { admin.deleteConsumerGroupOffsets("absent", Set.of(first)).all().get(); return ""; });
        say("deleteConsumerGroups", () -> { admin.deleteConsumerGroups(List.of("made")).all().get(); return sorted(admin.listGroups().all().get(), GroupListing::groupId); });
        say("deleteConsumerGroups: none such", () -> { admin.deleteConsumerGroups(List.of("absent")).all().get(); return ""; });
        say("describeConsumerGroups: none such", () -> { admin.describeConsumerGroups(List.of("absent")).all().get(); return ""; });
        say("describeClassicGroups: none such", () -> { admin.describeClassicGroups(List.of("absent")).all().get(); return ""; });
    }

    private static KafkaConsumer<String, String> consumer(String group, String protocol, String topic) {
        Map<String, Object> more = new TreeMap<>(config);
        more.putAll(Map.of("group.id", group, "group.protocol", protocol, "auto.offset.reset", "earliest", "enable.auto.commit", "false", "client.id", group + "-client", "group.instance.id", group + "-1"));
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(more, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static String offsets(Admin admin, String group) throws Exception {
        return sorted(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().entrySet(), each -> each.getKey() + "=" + each.getValue().offset() + each.getValue().metadata() + each.getValue().leaderEpoch().isPresent());
    }

    /** Share groups and the groups of Kafka Streams. */
    private static void groupsOfOtherKinds(Admin admin) {
        TopicPartition first = new TopicPartition("one", 0);
        say("describeShareGroups", () -> { admin.describeShareGroups(List.of("shared")).all().get(); return ""; });
        say("listShareGroupOffsets", () -> { admin.listShareGroupOffsets(Map.of("shared", new ListShareGroupOffsetsSpec())).all().get(); return ""; });
        say("alterShareGroupOffsets", () -> { admin.alterShareGroupOffsets("shared", Map.of(first, 1L)).all().get(); return ""; });
        say("deleteShareGroupOffsets", () -> { admin.deleteShareGroupOffsets("shared", Set.of("one")).all().get(); return ""; });
        say("deleteShareGroups", () -> { admin.deleteShareGroups(List.of("shared")).all().get(); return ""; });
        say("describeStreamsGroups", () -> { admin.describeStreamsGroups(List.of("streams")).all().get(); return ""; });
        say("listStreamsGroupOffsets", () -> sorted(admin.listStreamsGroupOffsets(Map.of("streams", new ListStreamsGroupOffsetsSpec())).all().get().entrySet(), Object::toString));
        say("alterStreamsGroupOffsets", () -> { admin.alterStreamsGroupOffsets("streams", Map.of(first, new OffsetAndMetadata(1))).all().get(); return ""; });
        say("deleteStreamsGroupOffsets", () -> { admin.deleteStreamsGroupOffsets("streams", Set.of(first)).all().get(); return ""; });
        say("deleteStreamsGroups", () -> { admin.deleteStreamsGroups(List.of("streams")).all().get(); return ""; });
    }

    private static void transactions(Admin admin) {
        TopicPartition first = new TopicPartition("one", 0);
        Map<String, Object> more = new TreeMap<>(config);
        more.put("transactional.id", "tx");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(more, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>("one", 0, "k", "held"));
            producer.flush();
            say("listTransactions", () -> sorted(admin.listTransactions().all().get(), each -> each.transactionalId() + " " + each.state()));
            say("listTransactions: those that are complete", () -> sorted(admin.listTransactions(new ListTransactionsOptions().filterStates(Set.of(TransactionState.COMPLETE_COMMIT))).all().get(), TransactionListing::transactionalId));
            say("listTransactions: open for long", () -> sorted(admin.listTransactions(new ListTransactionsOptions().filterOnDuration(600_000)).all().get(), TransactionListing::transactionalId));
            say("listTransactions: by an expression", () -> sorted(admin.listTransactions(new ListTransactionsOptions().filterOnTransactionalIdPattern("t.*")).all().get(), TransactionListing::transactionalId));
            say("describeTransactions", () -> { var found = admin.describeTransactions(List.of("tx")).all().get().get("tx"); return found.state() + " " + found.topicPartitions() + " " + found.transactionTimeoutMs() + " " + found.coordinatorId() + " " + found.transactionStartTimeMs().isPresent(); });
            say("describeTransactions: none such", () -> { admin.describeTransactions(List.of("absent")).all().get(); return ""; });
            say("describeProducers", () -> sorted(admin.describeProducers(List.of(first)).all().get().get(first).activeProducers(), each -> each.lastSequence() + " " + each.currentTransactionStartOffset().isPresent()));
            say("listOffsets: read committed", () -> "" + admin.listOffsets(Map.of(first, OffsetSpec.latest()), new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).partitionResult(first).get().offset());
            say("abortTransaction", () -> {
                ProducerState state = admin.describeProducers(List.of(first)).all().get().get(first).activeProducers().stream().filter(each -> each.currentTransactionStartOffset().isPresent()).findFirst().orElseThrow();
                admin.abortTransaction(new AbortTransactionSpec(first, state.producerId(), (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0))).all().get();
                return "";
            });
            say("forceTerminateTransaction", () -> { admin.forceTerminateTransaction("tx").result().get(); return ""; });
            say("fenceProducers", () -> { admin.fenceProducers(List.of("tx", "new")).all().get(); return ""; });
            say("a producer that was fenced", () -> { producer.commitTransaction(); return ""; });
        }
        say("describeProducers: of no partition", () -> { admin.describeProducers(List.of(new TopicPartition("one", 9))).all().get(); return ""; });
    }

    private static void replicas(Admin admin) {
        TopicPartition first = new TopicPartition("one", 0);
        TopicPartitionReplica replica = new TopicPartitionReplica("one", 0, 1);
        say("electLeaders: preferred", () -> sorted(admin.electLeaders(ElectionType.PREFERRED, Set.of(first)).partitions().get().entrySet(), each -> each.getKey() + " " + each.getValue().map(error -> error.getClass().getSimpleName())));
        say("electLeaders: unclean", () -> sorted(admin.electLeaders(ElectionType.UNCLEAN, Set.of(first)).partitions().get().entrySet(), each -> each.getKey() + " " + each.getValue().map(error -> error.getClass().getSimpleName())));
        say("electLeaders: everywhere", () -> sorted(admin.electLeaders(ElectionType.PREFERRED, null).partitions().get().entrySet(), each -> each.getKey() + " " + each.getValue().map(error -> error.getClass().getSimpleName())));
        say("electLeaders: none such", () -> sorted(admin.electLeaders(ElectionType.PREFERRED, Set.of(new TopicPartition("absent", 0))).partitions().get().entrySet(), each -> each.getKey() + " " + each.getValue().map(error -> error.getClass().getSimpleName())));
        say("alterPartitionReassignments: as it is", () -> { admin.alterPartitionReassignments(Map.of(first, Optional.of(new NewPartitionReassignment(List.of(1))))).all().get(); return ""; });
        say("alterPartitionReassignments: to nobody", () -> { admin.alterPartitionReassignments(Map.of(first, Optional.of(new NewPartitionReassignment(List.of(1, 9))))).all().get(); return ""; });
        say("alterPartitionReassignments: ends none", () -> { admin.alterPartitionReassignments(Map.of(first, Optional.empty())).all().get(); return ""; });
        say("alterPartitionReassignments: none such", () -> { admin.alterPartitionReassignments(Map.of(new TopicPartition("absent", 0), Optional.of(new NewPartitionReassignment(List.of(1))))).all().get(); return ""; });
        say("listPartitionReassignments", () -> "" + admin.listPartitionReassignments().reassignments().get());
        say("listPartitionReassignments: of partitions", () -> "" + admin.listPartitionReassignments(Set.of(first)).reassignments().get());
        say("describeLogDirs", () -> sorted(admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values(), each -> each.error() + " " + each.totalBytes().isPresent() + " " + each.usableBytes().isPresent() + " "
            + sorted(each.replicaInfos().entrySet().stream().filter(info -> !info.getKey().topic().startsWith("__")).toList(), info -> info.getKey() + " " + (info.getValue().size() > 0) + " " + info.getValue().offsetLag() + " " + info.getValue().isFuture())));
        say("describeReplicaLogDirs", () -> "" + (admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica).getCurrentReplicaLogDir() != null) + " " + admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica).getFutureReplicaLogDir());
        say("describeReplicaLogDirs: none such", () -> { var absent = new TopicPartitionReplica("absent", 0, 1); return "" + admin.describeReplicaLogDirs(List.of(absent)).all().get().get(absent).getCurrentReplicaLogDir(); });
        say("alterReplicaLogDirs: to where it is", () -> { String directory = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).keySet().iterator().next(); admin.alterReplicaLogDirs(Map.of(replica, directory)).all().get(); return ""; });
        say("alterReplicaLogDirs: to nowhere", () -> { admin.alterReplicaLogDirs(Map.of(replica, "/nowhere")).all().get(); return ""; });
    }

    private static void acls(Admin admin) {
        AclBinding reads = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "one", PatternType.PREFIXED), new AccessControlEntry("User:bob", "*", AclOperation.READ, AclPermissionType.ALLOW));
        AclBinding odd = new AclBinding(new ResourcePattern(ResourceType.CLUSTER, "not-the-cluster", PatternType.LITERAL), new AccessControlEntry("User:bob", "*", AclOperation.ALTER, AclPermissionType.ALLOW));
        say("createAcls", () -> { admin.createAcls(List.of(reads)).all().get(); return ""; });
        say("createAcls: of another cluster", () -> { admin.createAcls(List.of(odd)).all().get(); return ""; });
        say("describeAcls", () -> sorted(admin.describeAcls(AclBindingFilter.ANY).values().get(), Object::toString));
        say("describeAcls: what matches", () -> sorted(admin.describeAcls(new AclBindingFilter(new ResourcePatternFilter(ResourceType.TOPIC, "one-and-more", PatternType.MATCH), AccessControlEntryFilter.ANY)).values().get(), Object::toString));
        say("deleteAcls", () -> sorted(admin.deleteAcls(List.of(reads.toFilter())).all().get(), Object::toString));
        say("deleteAcls: none such", () -> sorted(admin.deleteAcls(List.of(reads.toFilter())).all().get(), Object::toString));
    }

    private static void quotasAndUsers(Admin admin) {
        ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, "quick"));
        say("alterClientQuotas", () -> { admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1e9))))).all().get(); return ""; });
        say("alterClientQuotas: no such", () -> { admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op("no_such", 1.0))))).all().get(); return ""; });
        say("describeClientQuotas", () -> sorted(admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().entrySet(), Object::toString));
        say("describeClientQuotas: of users", () -> sorted(admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntityType(ClientQuotaEntity.USER)))).entities().get().entrySet(), Object::toString));
        say("alterClientQuotas: away", () -> { admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", null))))).all().get(); return sorted(admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().entrySet(), Object::toString); });
        say("alterUserScramCredentials", () -> { admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("carol", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), "secret"))).all().get(); return ""; });
        say("alterUserScramCredentials: too few rounds", () -> { admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("carol", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 10), "secret"))).all().get(); return ""; });
        say("describeUserScramCredentials", () -> sorted(admin.describeUserScramCredentials(List.of("carol")).all().get().values(), each -> each.name() + " " + sorted(each.credentialInfos(), info -> info.mechanism() + " " + info.iterations())));
        say("describeUserScramCredentials: nobody", () -> { admin.describeUserScramCredentials(List.of("nobody")).all().get(); return ""; });
        say("alterUserScramCredentials: away", () -> { admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("carol", ScramMechanism.SCRAM_SHA_256))).all().get(); return ""; });
        say("alterUserScramCredentials: nobody's away", () -> { admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("nobody", ScramMechanism.SCRAM_SHA_256))).all().get(); return ""; });
        say("createDelegationToken", () -> { admin.createDelegationToken().delegationToken().get(); return ""; });
        say("describeDelegationToken", () -> "" + admin.describeDelegationToken().delegationTokens().get());
        say("renewDelegationToken", () -> { admin.renewDelegationToken(new byte[] {1}).expiryTimestamp().get(); return ""; });
        say("expireDelegationToken", () -> { admin.expireDelegationToken(new byte[] {1}).expiryTimestamp().get(); return ""; });
    }

    private static void cluster(Admin admin) {
        say("describeCluster", () -> {
            var found = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
            return sorted(found.nodes().get(), node -> node.id() + " " + node.rack() + " " + node.isFenced()) + " " + found.controller().get().id() + " " + (found.clusterId().get().length() > 0) + " " + new TreeSet<>(found.authorizedOperations().get());
        });
        say("describeFeatures", () -> { var found = admin.describeFeatures().featureMetadata().get(); return sorted(found.finalizedFeatures().entrySet(), each -> each.getKey() + " " + each.getValue().maxVersionLevel()) + " of " + sorted(found.supportedFeatures().entrySet(), each -> each.getKey() + " " + each.getValue().minVersion() + "-" + each.getValue().maxVersion()); });
        say("updateFeatures: as it is", () -> { admin.updateFeatures(Map.of("transaction.version", new FeatureUpdate((short) 2, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all().get(); return ""; });
        say("updateFeatures: a try", () -> { admin.updateFeatures(Map.of("transaction.version", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)), new UpdateFeaturesOptions().validateOnly(true)).all().get(); return ""; });
        say("updateFeatures: no such", () -> { admin.updateFeatures(Map.of("no.such", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all().get(); return ""; });
        say("updateFeatures: too high", () -> { admin.updateFeatures(Map.of("transaction.version", new FeatureUpdate((short) 99, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all().get(); return ""; });
        say("describeMetadataQuorum", () -> { var found = admin.describeMetadataQuorum().quorumInfo().get(); return found.leaderId() + " " + sorted(found.voters(), each -> each.replicaId() + " " + (each.logEndOffset() > 0) + " " + each.lastCaughtUpTimestamp().isPresent()) + " " + found.observers().size() + " " + (found.highWatermark() > 0); });
        say("unregisterBroker: none such", () -> { admin.unregisterBroker(99).all().get(); return ""; });
        say("addRaftVoter", () -> { admin.addRaftVoter(9, Uuid.randomUuid(), Set.of(new RaftVoterEndpoint("CONTROLLER", "localhost", 9))).all().get(); return ""; });
        say("removeRaftVoter", () -> { admin.removeRaftVoter(9, Uuid.randomUuid()).all().get(); return ""; });
        say("clientInstanceId", () -> "" + (admin.clientInstanceId(Duration.ofSeconds(2)) != null));
        say("metrics", () -> "" + (admin.metrics().size() > 10));
        say("registerMetricForSubscription", () -> { admin.registerMetricForSubscription(admin.metrics().values().iterator().next() instanceof org.apache.kafka.common.metrics.KafkaMetric metric ? metric : null); return ""; });
        say("unregisterMetricFromSubscription", () -> { admin.unregisterMetricFromSubscription(admin.metrics().values().iterator().next() instanceof org.apache.kafka.common.metrics.KafkaMetric metric ? metric : null); return ""; });
    }

    static <T> String sorted(Collection<T> items, Function<T, String> text) {
        List<String> texts = new ArrayList<>();
        for (T item : items) texts.add(text.apply(item));
        texts.sort(null);
        return texts.toString();
    }

    static void say(String name, Callable<String> call) {
        String outcome;
        try {
            outcome = "ok\t" + call.call();
        } catch (ExecutionException | CompletionException failed) {
            outcome = failed.getCause().getClass().getSimpleName() + "\t";
        } catch (Exception failed) {
            outcome = failed.getClass().getSimpleName() + "\t";
        }
        System.out.println(name + "\t" + outcome);
    }
}
