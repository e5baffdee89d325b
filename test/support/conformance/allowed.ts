/**
 * The differences that stay: each is one entry, with what Kafka answers and why this broker answers otherwise.
 *
 * A1. At most `ALLOWED_MAX` entries. One that no longer occurs fails the suite: it is taken out, not kept for later; but for what Kafka
 *     answers in two ways, by how fast its own parts hear of each other (`byTiming`).
 */
export const ALLOWED_MAX = 40

export interface AllowedDifference {
  readonly api: string
  /** First and last version it occurs in. */
  readonly versions: readonly [number, number]
  /** Matched against the name of the step, where the field alone says too little. */
  readonly step?: RegExp
  /** Matched against the whole path of the field in the answer, names without the numbers of scenario and rung. */
  readonly field: RegExp
  /** What Kafka 4.1 answers. */
  readonly kafka: string
  readonly reason: string
  /** Kafka sometimes answers as this broker does. */
  readonly byTiming?: true
}

export const ALLOWED: readonly AllowedDifference[] = [
  {
    api: 'Metadata', versions: [12, 13], step: / by neither$/, field: /^\.(errorCode|brokers|clusterId|controllerId|topics)$/, kafka: 'UNKNOWN_SERVER_ERROR, and neither brokers nor a cluster id',
    reason: 'Asked for a topic by neither name nor id, it is refused as an id nobody knows, and the brokers are told nevertheless.',
  },
  {
    api: 'Metadata', versions: [0, 13], field: /^\.topics\.auto\.(errorCode|topicId|partitions\.0)$/, kafka: 'UNKNOWN_TOPIC_OR_PARTITION until the topic has been made',
    reason: 'A topic that is made by being asked for is there in this very answer: the client need not ask again.',
  },
  {
    api: 'ApiVersions', versions: [0, 4], field: /^\.apiKeys\.(38|39|40|41|76|77|78|79|80|81|83|84|85|86|87|90|91|92)$/, kafka: 'delegation tokens (38-41), share groups (76-79, 83-87, 90-92), voters of KRaft (80, 81)',
    reason: 'None of these is served; a client is told so by their absence.',
  },
  {
    api: 'ApiVersions', versions: [3, 4], field: /^\.(supported|finalized)Features\.(kraft|share|eligible\.leader\.replicas)\.version$/, kafka: 'features kraft.version, share.version, eligible.leader.replicas.version',
    reason: 'One node has no voters to change, no share groups and no replicas to elect from.',
  },
  {
    api: 'ApiVersions', versions: [3, 4], field: /^\.finalizedFeaturesEpoch$/, kafka: 'the offset of its metadata log', reason: 'There is no metadata log; features do not change while the broker runs, so their epoch is 0.',
  },
  {
    api: 'DescribeConfigs', versions: [1, 4], field: /\.min\.insync\.replicas(\.configSource|\.synonyms)?$/, kafka: 'source 3: eligible leader replicas set it for all brokers',
    reason: 'There are no eligible leader replicas here, so nothing sets it: its source is the default.',
  },
  {
    api: 'CreateTopics', versions: [5, 7], field: /\.configs\.min\.insync\.replicas\.configSource$/, kafka: 'source 3: eligible leader replicas set it for all brokers', reason: 'As in DescribeConfigs.',
  },
  {
    api: 'CreateTopics', versions: [7, 7], field: /^\.topics\.c6\.topicId$/, kafka: 'an id also where the request only validates', reason: 'No topic has that id, now or later: none is told.',
  },
  {
    api: 'DeleteTopics', versions: [6, 6], step: / 35\.0 delete$/, field: /^\.responses\.null\.topicId$/, kafka: 'the sixth id of the scenario, where ours is the fifth', reason: 'Ids are numbered as they appear, and Kafka gave one more before: that of `c6`.',
  },
  {
    api: 'DescribeConfigs', versions: [1, 4], field: /^\.results\.1\/4\.configs\..*\.readOnly$/, kafka: 'false for what can be altered while it runs', reason: 'The settings of this broker are fixed when it is started; a tool should not offer to alter them.',
  },
  {
    api: 'DescribeConfigs', versions: [1, 4], field: /^\.results\.1\/4\.configs\.log\.retention\.ms\.(value|synonyms\.log\.retention\.ms)$/, kafka: 'null: log.retention.hours has the default', reason: 'There is one unit, milliseconds, and the value that holds is told.',
  },
  {
    api: 'DescribeConfigs', versions: [1, 4], field: /^\.results\.1\/4\.configs\.(num\.partitions|default\.replication\.factor)\.(configSource|synonyms)$/, kafka: 'source 4: set in the recorded broker\'s file', reason: 'Kafka was recorded with a file that sets both to 1, which is the default; nothing sets them here.',
  },
  {
    api: 'DescribeConfigs', versions: [1, 4], field: /^\.results\.(some-group\/32|nobody\/16)\.configs\./, kafka: 'the defaults of groups and of client metrics', reason: 'A single group cannot be configured here, and clients\' metrics are not collected: nothing is told that has no effect.',
  },
  {
    api: 'IncrementalAlterConfigs', versions: [0, 1], step: / operate strangely$/, field: /^\.responses\.d1\/2\.errorCode$/, kafka: 'UNKNOWN_SERVER_ERROR for an operation that does not exist', reason: 'INVALID_REQUEST says whose fault it is.',
  },
  {
    api: 'Produce', versions: [3, 13], step: / an unknown codec$/, field: /^\.responses\.(r1|0)\.partitionResponses\.0\.(errorCode|logStartOffset)$/, kafka: 'UNKNOWN_SERVER_ERROR for a codec that does not exist', reason: 'UNSUPPORTED_COMPRESSION_TYPE says what is wrong, and the log was not looked at.',
  },
  {
    api: 'DescribeQuorum', versions: [0, 2], field: /^\.topics\.__cluster_metadata\.partitions\.0\.(leaderEpoch|highWatermark|currentVoters\.0\.logEndOffset)$/, kafka: 'epoch and end of its metadata log', reason: 'There is no metadata log here.',
  },
  {
    api: 'DescribeQuorum', versions: [2, 2], field: /^\.nodes\.0\.listeners\.(CONTROLLER|PLAINTEXT)$/, kafka: 'the controller\'s own listener', reason: 'The one listener serves all.',
  },
  {
    api: 'UpdateFeatures', versions: [1, 1], field: /^\.results\.0\.errorMessage$/, kafka: 'a text (the name of the error NONE) where nothing is wrong', reason: 'Null, as everywhere else where nothing is wrong.',
  },
  {
    api: 'ConsumerGroupHeartbeat', versions: [0, 1], step: / (join|the subscription again)$/, field: /^\.(memberEpoch|assignment|assignment\.topicPartitions)$/, kafka: 'an empty assignment at first, and the partitions one epoch later',
    reason: 'Topics are looked up when a member joins: it has its partitions with the first answer, in epoch 1.', byTiming: true,
  },
  {
    api: 'ConsumerGroupDescribe', versions: [0, 1], field: /^\.groups\.cg\.(groupEpoch|assignmentEpoch|members\.memberId#1\.memberEpoch)$/, kafka: 'one epoch more', reason: 'As in ConsumerGroupHeartbeat: there was one assignment less.', byTiming: true,
  },
]
