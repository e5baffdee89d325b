/**
 * A paced replay into the real topology: events go to `shop.events`, answers come from `recs`, read committed, and nothing is asked of the
 * runtime itself, so that the tasks may run anywhere, and be killed and started again meanwhile.
 *
 * Q1. An event is answered when its list is committed: lists are counted, exactly once gives one for each event.
 * Q2. A mark goes through `sessionize` to every partition of `pairs` and `item.mass`; it is reached when `item.neighbors` and `hot.top` have it and each
 *     shard of `recommend` says, through `recs`, that its tables do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { int64, list, record, text } from 'millrace'
import { partitionOf, type Cluster } from 'millrace/client'
import type { StreamEvent } from '../data/stream.ts'
import { TopicFollower, TopicWriter } from '../links.ts'
import { Latencies } from '../shop/latency.ts'
import { isMark, markKey } from '../tasks/context.ts'
import type { Click, RecommenderTopics } from '../topics.ts'
import { Lists } from './lists.ts'
import type { Replayed } from './pacing.ts'
import { shopEventOf } from './shop-event.ts'

export interface KafkaReplayOptions {
  readonly cluster: Cluster
  readonly topics: RecommenderTopics
  readonly partitions: number
  /** Whether task `cooc` runs: without it there are no lists to wait for. */
  readonly hasLists: boolean
  readonly signal: AbortSignal
  /** How long the topology may take for one step before the replay gives up. */
  readonly patienceMs: number
  /** Called now and then while many events are under way. */
  readonly onAnswered: (count: number) => void
}

/** What a replay reads of a list: half of its time would go into the rest. */
const ScoredRecs = record({ item: text, position: int64, items: list(record({ item: text })) })
const SENT_AT_ONCE = 2000
const PROBE_PAUSE_MS = 3

export class KafkaReplay implements Replayed {
  readonly recs = new Lists()
  /** From sending an event to having its list, of events sent alone; milliseconds. */
  readonly latencies = new Latencies(100_000)
  readonly #options: KafkaReplayOptions
  readonly #writer: TopicWriter
  readonly #follower: TopicFollower
  readonly #markKeys: readonly string[]
  readonly #neighborMarks = new Map<string, number>()
  readonly #hotMarks = new Map<string, number>()
  readonly #probed = new Map<string, number>()
  #sent = 0
  #answered = 0
  #probes = 0
  #change: (() => void) | undefined
  #failure: Error | undefined

  private constructor(options: KafkaReplayOptions, writer: TopicWriter) {
    this.#options = options
    this.#writer = writer
    this.#markKeys = marksByPartition(options.partitions)
    this.#follower = new TopicFollower(options.cluster, { onError: error => this.#fail(error) })
  }

  static async start(options: KafkaReplayOptions): Promise<KafkaReplay> {
    const { topics } = options
    const writer = await TopicWriter.open(options.cluster, [topics.events, topics.clicks])
    const replay = new KafkaReplay(options, writer)
    await replay.#follow()
    return replay
  }

  async #follow(): Promise<void> {
    const { recs, neighbors, hotTop } = this.#options.topics
    await this.#follower.follow({ name: recs.name, key: recs.key, value: ScoredRecs }, (visitor, value) => {
      if (value === undefined) return
      if (isMark(visitor)) this.#probed.set(visitor, Math.max(value.position, this.#probed.get(visitor) ?? 0))
      if (isMark(visitor)) this.#probes -= 1
      else {
        this.recs.add(visitor, value)
        this.#answered += 1
      }
      this.#change?.()
    })
    await this.#follower.follow(neighbors, (item, value) => this.#takeMark(this.#neighborMarks, item, value?.at))
    await this.#follower.follow(hotTop, (item, value) => this.#takeMark(this.#hotMarks, item, value?.at))
  }

  #takeMark(marks: Map<string, number>, key: string, at: number | undefined): void {
    if (!isMark(key) || at === undefined) return
    marks.set(key, at)
    this.#change?.()
  }

  async answer(events: readonly StreamEvent[], options: { readonly frozen: boolean }): Promise<void> {
    const { topics, onAnswered } = this.#options
    const started = performance.now()
    for (let start = 0; start < events.length; start += SENT_AT_ONCE) {
      for (const event of events.slice(start, start + SENT_AT_ONCE)) this.#writer.send(topics.events, event.visitor, shopEventOf(event, options.frozen), event.at)
      this.#sent += Math.min(SENT_AT_ONCE, events.length - start)
      await this.#writer.flush()
      onAnswered(this.#answered)
      this.#check()
    }
    while (this.#answered < this.#sent) {
      await this.#until(`${this.#sent - this.#answered} lists`, () => this.#answered >= this.#sent || this.#answered % SENT_AT_ONCE === 0)
      onAnswered(this.#answered)
      if (this.#answered < this.#sent) await sleep(20)
    }
    if (events.length === 1) this.latencies.add(performance.now() - started)
  }

  async mark(time: number, at: number): Promise<void> {
    const { topics } = this.#options
    for (const key of this.#markKeys) this.#writer.send(topics.events, key, { type: 'mark', item: key, at: time }, time)
    await this.#writer.flush()
    const reached = (marks: ReadonlyMap<string, number>): boolean => this.#markKeys.every(key => (marks.get(key) ?? 0) >= time)
    await this.#until(`mark ${time} in hot.top`, () => reached(this.#hotMarks))
    if (!this.#options.hasLists) return
    await this.#until(`mark ${time} in item.neighbors`, () => reached(this.#neighborMarks))
    while (!reached(this.#probed)) {
      this.#probes = 0
      for (const key of this.#markKeys) {
        this.#writer.send(topics.clicks, key, probe(key, this.#markKeys, at), at)
        this.#probes += 1
      }
      await this.#writer.flush()
      await this.#until(`mark ${time} in the tables of recommend`, () => this.#probes <= 0)
      if (!reached(this.#probed)) await sleep(PROBE_PAUSE_MS)
    }
  }

  async close(): Promise<void> {
    await this.#follower.close()
    await this.#writer.close()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#change?.()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#options.signal.throwIfAborted()
  }

  /** Resolves once `isReached`, looked at whenever a record came; rejects after `patienceMs` without. */
  async #until(what: string, isReached: () => boolean): Promise<void> {
    this.#check()
    if (isReached()) return
    const { signal, patienceMs } = this.#options
    let stop = (): void => {}
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`the topology did not answer within ${patienceMs / 1000} s: waiting for ${what}`)), patienceMs)
        const abort = (): void => reject(new Error('stopped'))
        signal.addEventListener('abort', abort)
        stop = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', abort)
        }
        this.#change = () => {
          if (this.#failure !== undefined) reject(this.#failure)
          else if (isReached()) resolve()
        }
      })
    } finally {
      stop()
      this.#change = undefined
    }
  }
}

/** For each partition a mark's key that lands there. */
function marksByPartition(partitions: number): string[] {
  const keys: string[] = []
  for (let suffix = 0; keys.filter(key => key !== undefined).length < partitions; suffix += 1) {
    const key = markKey(suffix)
    keys[partitionOf(Buffer.from(key), partitions)] ??= key
  }
  return keys
}

/** A click that no shopper made: asks a shard of `recommend` how far its tables are. */
function probe(key: string, marks: readonly string[], at: number): Click {
  return {
    type: 'mark', item: key, category: '', price: 0, source: '', at, origin: '', session: 0, position: 0, before: marks, frozen: true, received: 0, sessionized: 0,
  }
}
