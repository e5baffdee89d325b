/**
 * A task that another engine runs, as data: how it is started, and how it meets Kafka.
 *
 * X1. `Link` is a contract, not a setting: what the job does of itself (its engine's way, or what its author says). `millrace plan` holds neighbours
 *     against each other by it; nothing here makes a job do it.
 * X2. Each engine's function in `millrace/engines` gives the whole link of that engine's usual job; a task's options replace single fields.
 * X3. A spec is plain data: paths are as the user wrote them, relative to the working directory of whoever starts the app.
 */
/** What becomes of the duplicates that a writer without exactly-once makes when it is killed. */
export type Duplicates =
  /** A task of the same app takes them out again: `distinct`, or an idempotent write. */
  | { readonly removedBy: string }
  /** Readers do not mind: the last value of a key counts, or a count may be too high. */
  | 'tolerated'

/** Which partition a key goes to. `murmur2` of its bytes is Kafka's Java client's, and Millrace's; librdkafka's default is CRC-32; Samza's the key object's `hashCode`; `other`: none of these. */
export type Partitioner = 'murmur2' | 'crc32' | 'hashCode' | 'other'

export interface Link {
  /** Delivery to the topics it writes, over kills of its own processes. */
  readonly guarantee: 'exactlyOnce' | 'atLeastOnce'
  /** `undefined` with exactly-once: there are none. Else nobody has said. */
  readonly duplicates: Duplicates | undefined
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** False: the engine keeps its positions to itself (Spark), so lag is told by its own progress. */
  readonly commitsOffsets: boolean
  /** Consumer group; `undefined`: `<app>.<task>`. */
  readonly group: string | undefined
  /** Only of exactly-once through Kafka's transactions; `undefined`: `<app>.<task>`. */
  readonly transactionalIdPrefix: string | undefined
  /** Longest time between two of its commits that the broker must bear; `undefined` without transactions. */
  readonly transactionTimeoutMs: number | undefined
  readonly partitioner: Partitioner
  /** Of the records it writes: the event's, or the time of writing. */
  readonly timestamps: 'event' | 'written'
  /** Whether a record's headers come out again, so that it can be followed by them. */
  readonly keepsHeaders: boolean
  /** The end of a transaction is an offset without a record. `waitedFor`: the job waits there for a record, and fails when none comes. `passed` without it. */
  readonly transactionEnds?: 'passed' | 'waitedFor' | undefined
}

/** How a task of another engine is started; one member per engine. */
export type ForeignSpec = ProcessSpec | ExternalSpec | KafkaStreamsSpec | FlinkSpec | SparkSpec | ConnectSpec | StormSpec | SamzaSpec

interface Spec {
  readonly link: Link
}

/** Another operating-system process, in any language. */
export interface ProcessSpec extends Spec {
  readonly engine: 'process'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Working directory; `undefined`: that of the supervisor. */
  readonly directory: string | undefined
  /** Instances to keep running. */
  readonly instances: number
}

/** Somebody else runs it: it is drawn and watched, never started. */
export interface ExternalSpec extends Spec {
  readonly engine: 'external'
}

/** What a JVM runs: a `.java` file (compiled as it starts), a jar, or a class of the class path. */
export type JvmProgram = { readonly classPath: readonly string[] } & (
  | { readonly kind: 'source'; readonly path: string }
  | { readonly kind: 'jar'; readonly path: string; readonly mainClass: string | undefined }
  | { readonly kind: 'class'; readonly name: string }
)

export type JvmEngineName = 'kafkaStreams' | 'storm' | 'samza'

/** A program of the user's on an engine's own library: JVMs that are told by a properties file what the graph says. */
export interface JvmSpec<Engine extends JvmEngineName = JvmEngineName> extends Spec {
  readonly engine: Engine
  /** Of the distribution, as `millrace engines install kafka-streams@VERSION` takes it. */
  readonly version: string
  readonly program: JvmProgram
  readonly args: readonly string[]
  /** Written into the properties file that the program gets, over Millrace's own. */
  readonly config: Readonly<Record<string, string>>
  readonly javaOptions: readonly string[]
}

export interface KafkaStreamsSpec extends JvmSpec<'kafkaStreams'> {
  /** Processes that share its partitions. */
  readonly instances: number
}

/** Of an engine that shares no work between JVMs by itself: one of them, with so many threads for its partitions. */
export interface SoleJvmSpec<Engine extends 'storm' | 'samza' = 'storm' | 'samza'> extends JvmSpec<Engine> {
  /** Storm: executors of each spout and bolt. Samza: tasks that run at once. */
  readonly parallelism: number
}

/** A topology that its program runs by `LocalCluster`, or submits to a cluster. */
export interface StormSpec extends SoleJvmSpec<'storm'> {
  /** Where its Nimbus answers, `host:port[,host:port …]`; `undefined`: all of Storm is in the one JVM. */
  readonly nimbus: string | undefined
}

/** An application that its program runs by `LocalApplicationRunner`. */
export interface SamzaSpec extends SoleJvmSpec<'samza'> {
  /** `host:port[,host:port …][/path]`, by which instances share its tasks; `undefined`: there is one. */
  readonly zookeeper: string | undefined
  /** Processes, each with `parallelism` threads. */
  readonly instances: number
}

export interface FlinkSpec extends Spec {
  readonly engine: 'flink'
  /** Of the distribution, as `millrace engines install flink@VERSION` takes it. */
  readonly version: string
  readonly job: FlinkJobSource
  /** A session cluster that runs already; `undefined`: one is started on this machine, for this task alone. */
  readonly cluster: { readonly restUrl: string; readonly sqlGatewayUrl: string | undefined } | undefined
  readonly parallelism: number
  readonly checkpointIntervalMs: number
  /** Task managers of a local cluster. */
  readonly taskManagers: number
  /** Flink's own settings, over Millrace's. */
  readonly config: Readonly<Record<string, string>>
}

/** A script with one INSERT or one statement set, or a jar with a main class that executes one job. */
export type FlinkJobSource =
  | { readonly kind: 'sql'; readonly path: string }
  | { readonly kind: 'jar'; readonly path: string; readonly entryClass: string | undefined; readonly args: readonly string[] }

export interface SparkSpec extends Spec {
  readonly engine: 'spark'
  /** Of the distribution, as `millrace engines install spark@VERSION` takes it. */
  readonly version: string
  readonly program: SparkProgram
  readonly args: readonly string[]
  /** `local[2]`: a driver that runs its tasks itself, two at a time. */
  readonly master: string
  readonly api: SparkApi
  readonly trigger: SparkTrigger
  /** Of the Kafka source (of DStreams: its consumer's), over Millrace's: `maxOffsetsPerTrigger`, `minPartitions` … */
  readonly source: Readonly<Record<string, string>>
  /** Spark's own settings, over Millrace's: `spark.…`. */
  readonly config: Readonly<Record<string, string>>
  readonly javaOptions: readonly string[]
}

/** A driver: a program of the JVM, a Python script, or SQL statements of which the last says what is written. */
export type SparkProgram =
  | JvmProgram
  | { readonly kind: 'python'; readonly path: string }
  | { readonly kind: 'sql'; readonly path: string; readonly output: SparkOutputMode; readonly watermarkMs: number | undefined }

/** Structured Streaming's tables, or the older DStreams: with ranges of offsets that the job owns, or with a receiver. */
export type SparkApi = 'structured' | 'direct' | 'receiver'

/** Rows that will not change any more, those that have changed since the last batch, or all of them. */
export type SparkOutputMode = 'append' | 'update' | 'complete'

/** When a batch begins; `availableNow` and `once` read what there is and end. */
export type SparkTrigger =
  | { readonly kind: 'processingTime' | 'continuous'; readonly ms: number }
  | { readonly kind: 'availableNow' | 'once' }

/** Workers of Kafka Connect, and the connectors that run on them. */
export interface ConnectSpec extends Spec {
  readonly engine: 'connect'
  /** Of the distribution, as `millrace engines install connect@VERSION` takes it. */
  readonly version: string
  /** By name; each as Connect's REST interface takes it. */
  readonly connectors: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Processes that share the connectors' tasks. */
  readonly instances: number
  /** Folders of connectors that the distribution does not bring: Connect's plugin.path. */
  readonly plugins: readonly string[]
  /** Of the workers, over Millrace's own. */
  readonly config: Readonly<Record<string, string>>
  readonly javaOptions: readonly string[]
}
