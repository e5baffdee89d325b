/**
 * Other people's clients at the embedded broker, and the tests that run each: what docs/COMPATIBILITY.md is made of, with the results of a run.
 *
 * M1. Only tests in which the client is connected to the embedded broker stand here; what runs on Apache Kafka alone proves nothing of it.
 * M2. A client that is wanted and has no such test stays: as `untested`, red on the page.
 * M3. Where the version comes from is named (`pin`) and looked up: a version that was raised there and not here fails a test.
 */
export const CLIENT_NAMES = [
  'Java clients', 'Java AdminClient', 'Kafka Streams', 'Flink', 'Spark', 'librdkafka, old (kcat)', 'librdkafka, new (confluent-kafka)',
  'franz-go', 'Sarama', 'kafka-go', 'aiokafka', 'kafkajs', '@platformatic/kafka', 'kafkats', 'Kafka Connect worker', 'Kafbat UI',
] as const
export type ClientName = (typeof CLIENT_NAMES)[number]

export interface TestName { readonly file: string, readonly name: string }

interface RowBase {
  readonly what: string
  readonly version: string
  /** A file, and the text in it that says this version. */
  readonly pin: { readonly file: string, readonly text: string }
  readonly differences?: readonly string[] | undefined
}
export interface TestedRow extends RowBase { readonly kind: 'tested', readonly tests: readonly [TestName, ...TestName[]] }
export interface UntestedRow extends RowBase { readonly kind: 'untested', readonly why: string }
export type Row = TestedRow | UntestedRow
export type Clients = Readonly<Record<ClientName, readonly [Row, ...Row[]]>>

const at = (file: string, first: string, ...names: readonly string[]): [TestName, ...TestName[]] => [{ file, name: first }, ...names.map(name => ({ file, name }))]

const KAFKA_CLIENTS = { version: '4.1.0', pin: { file: 'scripts/kafka-jars.xml', text: '<artifactId>kafka-tools</artifactId><version>4.1.0</version>' } }
const STREAMS = { version: '4.1.0', pin: { file: 'src/engines/install/manifests/kafka-streams-4.1.0.json', text: '"artifact":"kafka-streams","version":"4.1.0"' } }
const FLINK = { version: '2.0.0, connector 4.0.1-2.0', pin: { file: 'src/engines/install/manifests/flink-2.0.0.json', text: '"artifact":"flink-connector-kafka","version":"4.0.1-2.0"' } }
const SPARK = { version: '3.5.1', pin: { file: 'src/engines/install/manifests/spark-3.5.1.json', text: '"artifact":"spark-sql-kafka-0-10_2.12","version":"3.5.1"' } }
const KCAT = { version: 'kcat 1.7.1, librdkafka 2.0.2', pin: { file: 'test/real/broker/kcat.test.ts', text: "kcat 1.7.1 with Debian's librdkafka 2.0.2" } }
const CONFLUENT = { version: '2.*, the newest', pin: { file: 'scripts/setup.sh', text: "'confluent-kafka==2.*'" } }
const PLATFORMATIC = { version: '1.35.0', pin: { file: 'scripts/setup.sh', text: '@platformatic/kafka@1.35.0' } }
const KAFKAJS = { version: '2.2.4', pin: { file: 'package-lock.json', text: '"node_modules/kafkajs": {\n      "version": "2.2.4"' } }

const EMBEDDED = 'test/long/engines/embedded-broker.test.ts'
const JAVA_TOOLS = 'test/real/broker/java-tools.test.ts'
const AS_VERSION = at('test/long/broker/as-version.test.ts', 'as 2.8', 'as 3.9', 'as 4.1')

export const CLIENTS: Clients = {
  'Java clients': [
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'console and perf producer and consumer; every codec; VerifiableConsumer in a group; TransactionalMessageCopier with aborts; the tools for offsets, log directories, transactions',
      tests: at(JAVA_TOOLS, 'console producer and consumer in a group; the group is described, reset and deleted', 'each codec, as Java packs it, is stored so and read by the Java consumer and by ours',
        'a running group shows its members, and is not deleted while it runs', 'offsets, deleted records, log directories', 'transactions: copied exactly, listed, described, none hanging',
        'perf tools: 300,000 records in, 300,000 out', 'nothing was asked that is not served'),
    },
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'VerifiableProducer, TransactionalMessageCopier and a group of VerifiableConsumers while the broker is killed with SIGKILL',
      tests: at('test/real/broker/crash.test.ts', 'VerifiableProducer over five kills: everything it was told is acknowledged is there, in order, once',
        'TransactionalMessageCopier over kills, with random aborts: the copy is exact', 'a group of two goes on after a SIGKILL of the broker without losing its place'),
    },
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'the consumer with `group.protocol=consumer` (KIP-848): server assignors, a subscription by expression, a killed member, a killed broker',
      tests: at('test/real/broker/consumer-groups.test.ts', 'Java: two members share, an expression finds new topics, a killed member is replaced, a killed broker is not noticed'),
    },
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'SCRAM over TLS with renewed log-ins, a client certificate, refusals by name',
      tests: at('test/long/security/java-clients.test.ts', 'produce and consume in a group by SCRAM over TLS; the Java client renews its log-in', 'by a client certificate',
        'who may not, and who has the wrong password, is told so by name in Java too'),
    },
    { kind: 'tested', ...KAFKA_CLIENTS, what: 'the broker as Apache Kafka 2.8, 3.9 and 4.1 (`--as-version`): produce, group, transactions', tests: AS_VERSION },
  ],
  'Java AdminClient': [
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'every method of Admin, beside Apache Kafka 4.1, with and without access control', tests: at('test/long/broker/admin-calls.test.ts', 'with access control', 'without access control'),
      differences: ['share groups and delegation tokens are not served', "the broker's own settings and features are fixed at its start", 'groups have no configs of their own', 'each with its reason: `DIFFERENT` in the test'],
    },
    { kind: 'tested', ...KAFKA_CLIENTS, what: 'the tools for topics and configs', tests: at(JAVA_TOOLS, 'topics: create, describe, grow, delete', 'configs: describe, set, delete, refuse what is unknown') },
    {
      kind: 'tested', ...KAFKA_CLIENTS, what: 'kafka-configs and kafka-acls: users, passwords, rights',
      tests: at('test/long/security/kafka-tools.test.ts', 'kafka-configs gives a user a password and lists it, kafka-acls gives rights: kcat then may what they say, and no more'),
    },
  ],
  'Kafka Streams': [
    {
      kind: 'tested', ...STREAMS, what: '`exactly_once_v2` with RocksDB: counts by key',
      tests: at('test/real/engines/install.test.ts', 'Kafka Streams runs from its installed jars: counts with RocksDB, exactly once, on the embedded broker'),
    },
    {
      kind: 'tested', ...STREAMS, what: '`exactly_once_v2` between tasks of ours, instances killed and rescaled: every record once, every count right',
      tests: at(EMBEDDED, 'two instances of a Kafka Streams application, killed like the tasks before them',
        'Kafka Streams rescaled from two to three to one, and killed, while clicks flow through it: every click once, every count right'),
    },
    {
      kind: 'tested', ...STREAMS, what: '`exactly_once_v2` while the embedded broker itself is killed, alone and with each instance: every record once, every count right',
      tests: at(EMBEDDED, 'the broker is killed under two instances of Kafka Streams, alone and with each of them: every click once, every count right'),
    },
  ],
  Flink: [
    {
      kind: 'tested', ...FLINK, what: 'Kafka source and exactly-once sink of a Flink SQL job, its task manager and job manager killed: every record once',
      tests: at(EMBEDDED, 'a Flink SQL job, its task manager and its job manager killed like the tasks before it'),
    },
    {
      kind: 'tested', ...FLINK, what: 'stopped with a savepoint and gone on from it with another parallelism; a job manager that forgets its jobs: back from the last checkpoint',
      tests: [
        ...at('test/long/engines/flink.test.ts', 'a job stops with a savepoint and goes on from it, with another parallelism too; a script with an error is refused with the place of it'),
        ...at('test/long/engines/flink-cluster.test.ts', 'a jar on a named cluster: stopped with a savepoint and started again; a job manager that comes back without its jobs gets it back from the last checkpoint; every click once'),
      ],
    },
    {
      kind: 'tested', ...FLINK, what: 'restore from a checkpoint after the embedded broker was killed and restarted, its task manager and job manager killed with it: every record once',
      tests: at(EMBEDDED, 'the broker is killed under a Flink SQL job, alone and with its task manager and its job manager: back from the checkpoint, every click once, every count right'),
    },
  ],
  Spark: [
    {
      kind: 'tested', ...SPARK, what: 'Structured Streaming, Kafka source and sink, in SQL and Python, each output mode and trigger, drivers killed',
      tests: at('test/long/engines/spark-modes.test.ts', 'update, append and complete; batches by time, all there is, one, and none: in SQL and Python, killed, and equal to what is recomputed'),
      differences: ["Spark's sink is at least once on any broker: repeated rows are taken out behind it"],
    },
    {
      kind: 'tested', ...SPARK, what: 'DStreams, Direct and with a Receiver, killed and recounted',
      tests: at('test/long/engines/dstreams.test.ts', 'Direct neither loses nor doubles once offsets commit with results; a Receiver with its log doubles, without it loses'),
    },
  ],
  'librdkafka, old (kcat)': [
    {
      kind: 'tested', ...KCAT, what: 'every codec, offsets by time, headers, null values, idempotence, groups with each assignor and a killed member',
      tests: at('test/real/broker/kcat.test.ts', 'metadata names one broker and its topics', ...['none', 'gzip', 'snappy', 'lz4', 'zstd'].map(codec => `codec ${codec}: what is produced is consumed`),
        'librdkafka really compresses: the batches on disk carry the codec (KAFKA-18659)', 'offsets by time, from the end, and by count', 'headers, null values and idempotent produce',
        'a group of two shares the partitions, with each assignor, and hands over when one is killed'),
    },
    {
      kind: 'tested', ...KCAT, what: 'PLAIN and SCRAM over TLS, a client certificate',
      tests: at('test/real/broker/security-kcat.test.ts', 'kcat logs in with PLAIN and SCRAM over TLS, and with a certificate alone'),
    },
  ],
  'librdkafka, new (confluent-kafka)': [
    {
      kind: 'tested', ...CONFLUENT, what: 'consume, transform, produce in transactions with aborts; a fenced zombie; admin calls',
      tests: at('test/real/broker/librdkafka.test.ts', 'consume, transform and produce in transactions with aborts: exact; a zombie is fenced'),
    },
    {
      kind: 'tested', ...CONFLUENT, what: '`group.protocol=consumer` (KIP-848)',
      tests: at('test/real/broker/librdkafka-consumer-groups.test.ts', 'librdkafka: join, share with an expression, leave; commits under the member epoch'),
    },
    { kind: 'tested', ...CONFLUENT, what: 'the broker as Apache Kafka 2.8, 3.9 and 4.1 (`--as-version`): transactions and a group', tests: AS_VERSION },
  ],
  'franz-go': [{
    kind: 'tested', version: '1.18.1', pin: { file: 'test/real/broker/go/go.mod', text: 'github.com/twmb/franz-go v1.18.1' }, what: 'every codec, a group with its offsets, transactions',
    tests: at('test/real/broker/go.test.ts', 'franz-go: every codec is read in a group, offsets are committed, an aborted transaction is not read'),
  }],
  Sarama: [{
    kind: 'tested', version: '1.45.1', pin: { file: 'test/real/broker/go/go.mod', text: 'github.com/IBM/sarama v1.45.1' }, what: 'every codec, a group with its offsets, transactions',
    tests: at('test/real/broker/go.test.ts', 'sarama: every codec is read in a group, offsets are committed, an aborted transaction is not read'),
  }],
  'kafka-go': [{
    kind: 'tested', version: '0.4.48', pin: { file: 'test/real/broker/go/go.mod', text: 'github.com/segmentio/kafka-go v0.4.48' }, what: 'every codec, a group with its offsets',
    tests: at('test/real/broker/go.test.ts', 'kafka-go: every codec is read in a group, offsets are committed'),
  }],
  aiokafka: [{
    kind: 'tested', version: '0.14.*', pin: { file: 'scripts/setup.sh', text: "'aiokafka==0.14.*'" }, what: 'every codec, a group of two, transactions with offsets, admin calls',
    tests: at('test/real/broker/aiokafka.test.ts', 'every codec in a group of two, transactions with offsets'),
  }],
  kafkajs: [
    {
      kind: 'tested', ...KAFKAJS, what: 'admin calls, a group that rebalances, transactions, every codec',
      tests: at('test/broker/kafkajs.test.ts', 'topics are created, described, grown and deleted', 'a group shares the partitions, rebalances when a member joins and leaves, and keeps its offsets',
        'transactions of version 1: committed ones are read, aborted ones are not',
        ...['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'].map(codec => `codec ${codec}: batches are stored as kafkajs packed them and come back as they were sent`)),
    },
    {
      kind: 'tested', ...KAFKAJS, what: 'each SASL mechanism over TLS, a client certificate, rights',
      tests: at('test/security/kafkajs.test.ts', 'each mechanism and a certificate come in and write; a wrong password does not', 'who has no rights sees no topic, and is given some by an access control entry'),
    },
  ],
  '@platformatic/kafka': [{
    kind: 'tested', ...PLATFORMATIC, what: 'idempotent produce with every codec, a group that rebalances, transactions with offsets',
    tests: at('test/real/broker/platformatic.test.ts', 'create, produce idempotently with each codec, consume in a group, delete', 'a group of two shares the partitions, and the one that is left takes over',
      'transactions with offsets: committed ones are read, aborted ones are not, by a reader of committed records'),
    differences: ["the client's own: of several aborted transactions of one producer in one fetch it leaves out the last only, whatever the broker"],
  }],
  kafkats: [{
    kind: 'tested', version: '0.12.0', pin: { file: 'scripts/setup.sh', text: '@kafkats/client@0.12.0' }, what: 'idempotent produce, plain and gzip; a group; transactions',
    tests: at('test/real/broker/kafkats.test.ts', 'idempotent produce, a group, transactions: what is aborted is not read'),
  }],
  'Kafka Connect worker': [{
    kind: 'tested', version: '4.1.0', pin: { file: 'src/engines/install/manifests/connect-4.1.0.json', text: '"artifact":"connect-runtime","version":"4.1.0"' }, what: 'file source and file sink around a task of ours, each worker killed: nothing is lost',
    tests: at(EMBEDDED, 'file → topic → task → topic → file: each worker of Kafka Connect is killed, and nothing is lost'),
    differences: ["Connect's file sink is at least once on any broker"],
  }],
  'Kafbat UI': [{
    kind: 'tested', version: 'its calls, by kafka-clients 4.1.0', pin: KAFKA_CLIENTS.pin, what: 'the calls of its start and of its pages, in its order, beside Apache Kafka 4.1; not the program itself',
    tests: at('test/long/broker/admin-calls.test.ts', 'with access control', 'without access control'),
  }],
}
