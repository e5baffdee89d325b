/**
 * The catalogue of topics: names, ids, partitions, configurations; kept durably in the file `topics`.
 *
 * C1. A topic is visible only after its partitions' logs are open and the catalogue that names it is durable.
 * C2. A topic's id never changes and is never used again; a name is checked before it reaches the log, which names directories by it.
 * C3. Changes happen one after another; reads are synchronous and see the last finished change.
 * C4. Two names that differ only in `.` and `_` do not exist together (their metric names would be the same, as in Kafka).
 */
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import { newUuid } from '../wire/uuid.ts'
import type { StateFile } from './state-file.ts'
import { configProblem, logConfigOf } from './topic-configs.ts'

export const GROUPS_TOPIC = '__consumer_offsets'
export const TRANSACTIONS_TOPIC = '__transaction_state'
export const PARTITIONS_MAX = 10_000
const NAME_LENGTH_MAX = 249
/** Segments far smaller than Kafka's 100 MiB: only finished ones are compacted, and a start reads all that is left of these logs. */
const INTERNAL_CONFIGS: Readonly<Record<string, string>> = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576' }

export interface Topic {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  readonly createdAtMs: number
  /** By partition number. */
  readonly partitions: readonly PartitionLog[]
  /** What is set; what is not has its default. */
  readonly configs: ReadonlyMap<string, string>
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly configs: ReadonlyMap<string, string>
}

export interface TopicProblem {
  readonly error: KafkaErrorName
  readonly message: string
}

/** A topic as the file `topics` holds it. */
export interface StoredTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
  readonly createdAtMs: number
  readonly configs: Readonly<Record<string, string>>
}

export class Topics {
  readonly #env: Env
  readonly #logs: LogManager
  readonly #file: StateFile
  readonly #logger: Logger
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  /** `.` and `_` made one → the name that exists. */
  readonly #collisions = new Map<string, string>()
  readonly #onAdvance: (log: PartitionLog) => void
  readonly #onDelete: (topic: Topic) => void
  #changing: Promise<unknown> = Promise.resolve()
  #version = 0

  constructor(options: { env: Env; logs: LogManager; file: StateFile; logger: Logger; onAdvance: (log: PartitionLog) => void; onDelete: (topic: Topic) => void }) {
    this.#env = options.env
    this.#logs = options.logs
    this.#file = options.file
    this.#logger = options.logger
    this.#onAdvance = options.onAdvance
    this.#onDelete = options.onDelete
  }

  /** Opens (and recovers) every log of the catalogue, and makes the internal topics where they are missing. */
  async load(onOpening: (opened: number, partitions: number) => void = () => {}): Promise<void> {
    const stored = this.#file.read()
    const catalogue = stored === undefined ? this.#adopted() : parseCatalogue(stored)
    if (stored !== undefined) await this.#removeOrphans(catalogue)
    const total = catalogue.reduce((sum, topic) => sum + topic.partitions, 0)
    let opened = 0
    for (const { name, topicId, createdAtMs, partitions, configs } of catalogue) {
      onOpening(opened, total)
      opened += partitions
      this.#publish(await this.#open(name, topicId, createdAtMs, partitions, new Map(Object.entries(configs)), []))
    }
    if (stored === undefined && catalogue.length > 0) await this.#write(this.all())
    const internal = [GROUPS_TOPIC, TRANSACTIONS_TOPIC].filter(name => !this.#byName.has(name))
    if (internal.length > 0) await this.#create(internal.map(name => ({ name, partitions: 1, configs: new Map(Object.entries(INTERNAL_CONFIGS)) })))
  }

  /** The catalogue is missing and partitions are there (a copy of somebody's directory): they are taken with default configurations. */
  #adopted(): StoredTopic[] {
    const topics = new Map<string, { topicId: string; partitions: number }>()
    for (const { topic, partition, topicId } of this.#logs.partitionsOnDisk()) {
      const known = topics.get(topic)
      topics.set(topic, { topicId: known?.topicId ?? topicId, partitions: Math.max(known?.partitions ?? 0, partition + 1) })
    }
    if (topics.size > 0) this.#logger.warn('the catalogue of topics is missing; taking the topics found on disk, with default configurations', { topics: topics.size })
    const createdAtMs = this.#env.clock.now()
    return [...topics].map(([name, { topicId, partitions }]) => ({ name, topicId, partitions, createdAtMs, configs: isInternalName(name) ? INTERNAL_CONFIGS : {} }))
  }

  /**
   * What a crash left of a topic that was being created or deleted: on disk and not in the catalogue. By name, since the id in a partition's
   * directory carries no checksum: a bit that flipped in it must not delete the partition. (Its start is refused: TOPIC_MISMATCH.)
   */
  async #removeOrphans(catalogue: readonly StoredTopic[]): Promise<void> {
    const names = new Set(catalogue.map(stored => stored.name))
    for (const { topic, partition } of this.#logs.partitionsOnDisk()) {
      if (names.has(topic)) continue
      this.#logger.info('removing a partition that belongs to no topic', { topic, partition })
      await this.#logs.deletePartition(topic, partition)
    }
  }

  /** Another number whenever a topic came, changed or went. */
  get version(): number {
    return this.#version
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(topicId: string): Topic | undefined {
    return this.#byId.get(topicId)
  }

  all(): Topic[] {
    return [...this.#byName.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  log(name: string, partition: number): PartitionLog | undefined {
    return this.#byName.get(name)?.partitions[partition]
  }

  get partitionCount(): number {
    let count = 0
    for (const topic of this.#byName.values()) count += topic.partitions.length
    return count
  }

  /** Why no topic of this name could be created; `undefined` where one could. */
  namingProblem(name: string): TopicProblem | undefined {
    const named = nameProblem(name)
    if (named !== undefined) return { error: 'INVALID_TOPIC_EXCEPTION', message: named }
    if (this.#byName.has(name)) return { error: 'TOPIC_ALREADY_EXISTS', message: `Topic '${name}' already exists.` }
    const other = this.#collisions.get(collisionKey(name))
    return other === undefined ? undefined : { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic '${name}' collides with existing topic: ${other}` }
  }

  /** Why the topic could not be created; `undefined` where it could. */
  creationProblem(spec: TopicSpec): TopicProblem | undefined {
    const named = this.namingProblem(spec.name)
    if (named !== undefined) return named
    if (spec.partitions < 1) return { error: 'INVALID_PARTITIONS', message: 'Number of partitions must be larger than 0.' }
    if (this.partitionCount + spec.partitions > PARTITIONS_MAX) return { error: 'POLICY_VIOLATION', message: `One broker holds at most ${PARTITIONS_MAX} partitions; it has ${this.partitionCount}.` }
    for (const [name, value] of spec.configs) {
      const problem = configProblem(name, value)
      if (problem !== undefined) return { error: 'INVALID_CONFIG', message: problem }
    }
    return undefined
  }

  /** Creates all of them with one write of the catalogue; each result is the topic or why not. */
  create(specs: readonly TopicSpec[]): Promise<(Topic | TopicProblem)[]> {
    return this.#change(() => {
      const added = specs.filter(spec => this.creationProblem(spec) === undefined).map(({ name, partitions }) => ({ name, from: 0, to: partitions }))
      return this.#orDiscard(added, () => this.#create(specs))
    }, problem => specs.map(() => problem))
  }

  delete(name: string): Promise<TopicProblem | undefined> {
    return this.#change(async () => {
      const topic = this.#byName.get(name)
      if (topic === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'This server does not host this topic-partition.' } as const
      await this.#write(this.all().filter(other => other !== topic))
      this.#version += 1
      this.#byName.delete(name)
      this.#byId.delete(topic.topicId)
      this.#collisions.delete(collisionKey(name))
      this.#onDelete(topic)
      for (const [partition, log] of topic.partitions.entries()) {
        // Whoever waits for data of it is to look again, and find it gone.
        this.#onAdvance(log)
        await this.#logs.deletePartition(name, partition)
      }
      return undefined
    }, problem => problem)
  }

  /** Adds partitions until there are `count`. */
  grow(name: string, count: number): Promise<TopicProblem | undefined> {
    return this.#change(async () => {
      const topic = this.#byName.get(name)
      if (topic === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'This server does not host this topic-partition.' } as const
      await this.#orDiscard([{ name, from: topic.partitions.length, to: count }], async () => {
        await this.#replace(await this.#open(name, topic.topicId, topic.createdAtMs, count, topic.configs, topic.partitions))
      })
      return undefined
    }, problem => problem)
  }

  /** Replaces the topic's configuration; the caller has checked it. */
  configure(name: string, configs: ReadonlyMap<string, string>): Promise<TopicProblem | undefined> {
    return this.#change(async () => {
      const topic = this.#byName.get(name)
      if (topic === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'This server does not host this topic-partition.' } as const
      await this.#replace({ ...topic, configs: new Map(configs) })
      const config = logConfigOf(configs)
      for (const log of topic.partitions) log.applyConfig(config)
      return undefined
    }, problem => problem)
  }

  /** Does `work`; where it fails, the partitions that it had made are removed again. */
  async #orDiscard<T>(added: readonly { readonly name: string; readonly from: number; readonly to: number }[], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      for (const { name, from, to } of added) {
        for (let partition = from; partition < to; partition++) {
          await this.#logs.deletePartition(name, partition).catch((cause: unknown) => this.#logger.warn('what is left of a partition could not be removed; the next start does', { topic: name, partition, reason: messageOf(cause) }))
        }
      }
      throw error
    }
  }

  async #create(specs: readonly TopicSpec[]): Promise<(Topic | TopicProblem)[]> {
    const results: (Topic | TopicProblem)[] = []
    const created = new Map<string, Topic>()
    for (const spec of specs) {
      const twin = created.get(collisionKey(spec.name))
      const problem = this.creationProblem(spec)
        ?? (twin === undefined ? undefined : { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic '${spec.name}' collides with another topic: ${twin.name}` } as const)
      if (problem !== undefined) {
        results.push(problem)
        continue
      }
      const topicId = newUuid(count => this.#env.random.bytes(count))
      const topic = await this.#open(spec.name, topicId, this.#env.clock.now(), spec.partitions, new Map(spec.configs), [])
      created.set(collisionKey(spec.name), topic)
      results.push(topic)
    }
    if (created.size === 0) return results
    await this.#write([...this.all(), ...created.values()])
    for (const topic of created.values()) this.#publish(topic)
    this.#logger.info('created topics', { topics: [...created.values()].map(topic => `${topic.name}:${topic.partitions.length}`).join(' ') })
    return results
  }

  async #open(name: string, topicId: string, createdAtMs: number, count: number, configs: ReadonlyMap<string, string>, open: readonly PartitionLog[]): Promise<Topic> {
    const config = logConfigOf(configs)
    // Together: each takes several syncs, and they share the disk's time.
    const added = Array.from({ length: Math.max(0, count - open.length) }, (_, index) => open.length + index)
    const outcomes = await Promise.allSettled(added.map(async partition => {
      const log = await this.#logs.openPartition({ topicId, topic: name, partition, config })
      log.onAdvance(() => this.#onAdvance(log))
      return log
    }))
    const opened = outcomes.flatMap(outcome => outcome.status === 'fulfilled' ? [outcome.value] : [])
    const failed = outcomes.find(outcome => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const partitions = [...open, ...opened]
    return { name, topicId, isInternal: isInternalName(name), createdAtMs, partitions, configs }
  }

  #publish(topic: Topic): void {
    this.#version += 1
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.topicId, topic)
    this.#collisions.set(collisionKey(topic.name), topic.name)
  }

  async #replace(topic: Topic): Promise<void> {
    await this.#write(this.all().map(other => other.name === topic.name ? topic : other))
    this.#publish(topic)
  }

  #write(topics: readonly Topic[]): Promise<void> {
    const stored: StoredTopic[] = topics.map(topic => ({
      name: topic.name, topicId: topic.topicId, partitions: topic.partitions.length, createdAtMs: topic.createdAtMs, configs: Object.fromEntries(topic.configs),
    }))
    return this.#file.write(stored)
  }

  /** One change after the other. What the disk refuses is the answer `refused` makes of it, and nothing has changed. */
  #change<T>(work: () => Promise<T>, refused: (problem: TopicProblem) => T): Promise<T> {
    const done = this.#changing.then(work).catch((error: unknown) => {
      if (!(error instanceof MillraceError) || error.code !== 'DISK_FULL') throw error
      // Not one that clients retry by themselves: people read the message.
      return refused({ error: 'UNKNOWN_SERVER_ERROR', message: error.message })
    })
    this.#changing = done.catch(() => { /* Told to that change's caller; the next one stands on its own. */ })
    return done
  }
}

export function isInternalName(name: string): boolean {
  return name === GROUPS_TOPIC || name === TRANSACTIONS_TOPIC
}

/** Why `name` cannot be a topic's, in Kafka's words; `undefined` where it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return "Topic name is invalid: the empty string is not allowed"
  if (name === '.' || name === '..') return `Topic name is invalid: '${name}' is not allowed`
  if (name.length > NAME_LENGTH_MAX) return `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${NAME_LENGTH_MAX}`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  return undefined
}

function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

export function parseCatalogue(stored: unknown): StoredTopic[] {
  // The file carries a checksum and a version: what it holds is what `#write` was given.
  return stored as StoredTopic[]
}
