/**
 * Steps of the conformance suite: requests that are sent to Apache Kafka and to the embedded broker alike.
 *
 * S1. A scenario runs once per rung. In rung r an API is asked in the version `max - r mod (number of versions)`, so that as many rungs as
 *     the longest ladder has steps meet every version of every API; a body therefore fills the fields of all versions.
 * S2. A step may use what earlier answers put into `vars`, and keeps there what later ones need; ids differ between brokers, bodies do not.
 * S3. Answers that only say "not yet" (a coordinator that loads, the end of a transaction still being written) are asked again.
 */
import { realEnv } from '../../../src/env/real/env.ts'
import { listOffsets } from '../../../src/wire/apis/02-list-offsets.ts'
import { metadata } from '../../../src/wire/apis/03-metadata.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { errorName } from '../../../src/wire/error-codes.ts'
import { encodeRequest } from '../../../src/wire/frames.ts'
import type { Api, RequestInput, ResponseOf } from '../../../src/wire/schema.ts'
import { ZERO_UUID } from '../../../src/wire/uuid.ts'
import { WireClient } from '../wire-client.ts'

/** What a scenario knows of one broker while it runs. */
export class Run {
  readonly port: number
  readonly rung: number
  /** The scenario's own part of every name. */
  readonly #scenario: number
  /** Epoch milliseconds, the same for both brokers. */
  readonly now: number
  readonly numbers = new Map<string, number>()
  readonly texts = new Map<string, string>()
  readonly versionOf: (api: Api) => number
  readonly #clients = new Map<string, WireClient>()

  constructor(options: { port: number; scenario: number; rung: number; now: number; versionOf: (api: Api) => number }) {
    this.port = options.port
    this.rung = options.rung
    this.#scenario = options.scenario
    this.now = options.now
    this.versionOf = options.versionOf
  }

  number(name: string): number {
    return this.numbers.get(name) ?? -1
  }

  text(name: string): string {
    return this.texts.get(name) ?? ''
  }

  /** A name of this scenario and rung alone. */
  name(base: string): string {
    return `${base}-${this.#scenario}-${this.rung}`
  }

  topicId(name: string): string {
    return this.texts.get(`id of ${name}`) ?? ZERO_UUID
  }

  /** A connection, opened again where the broker closed it. */
  async client(name = 'main'): Promise<WireClient> {
    const known = this.#clients.get(name)
    if (known !== undefined && !known.closed) return known
    const client = await WireClient.connect(realEnv, this.port, 'conformance')
    this.#clients.set(name, client)
    return client
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }
}

export interface Exchange {
  readonly api: Api
  readonly version: number
  readonly answer: unknown
}

export interface Step {
  readonly name: string
  readonly apis: readonly Api[]
  /** The answers to compare; none for what only prepares. */
  readonly run: (run: Run) => Promise<Exchange[]>
}

export interface Scenario {
  readonly name: string
  /** As many as the longest ladder of versions that it is to climb. */
  readonly rungs: number
  readonly steps: readonly Step[]
}

export type Body<A extends Api> = RequestInput<A> | ((run: Run) => RequestInput<A>)

export interface StepOptions<A extends Api> {
  readonly keep?: ((answer: ResponseOf<A>, run: Run) => void) | undefined
  /** Errors that are asked again, beside those of a coordinator that loads. */
  readonly retryOn?: readonly string[] | undefined
  /** The least version this step makes sense in; in lower rungs it is asked in it. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly connection?: string | undefined
}

const LOADING = ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS']
const TRIES_MAX = 100
const RETRY_MS = 50
/** A hanging broker fails the step that hangs. */
const ANSWER_MS_MAX = 30_000

export function ask<A extends Api>(name: string, api: A, body: Body<A>, options: StepOptions<A> = {}): Step {
  return { name, apis: [api], run: async run => [await exchange(run, api, body, options)] }
}

/** Requests on connections of their own that are open at the same time: a rebalance of two. */
export function together<A extends Api>(name: string, api: A, bodies: readonly Body<A>[], options: readonly StepOptions<A>[] = []): Step {
  return {
    name, apis: [api],
    run: run => Promise.all(bodies.map((body, index) => exchange(run, api, body, { connection: `together ${index}`, ...options[index] }))),
  }
}

/** A request that is not answered (Produce with acks=0); a Metadata request behind it tells when it is done. */
export function tell<A extends Api>(name: string, api: A, body: Body<A>): Step {
  return {
    name, apis: [],
    run: async run => {
      const client = await run.client()
      client.raw(Buffer.concat(encodeRequest(api, run.versionOf(api), { correlationId: 1_000_000, clientId: 'conformance' }, bodyOf(body, run))))
      await client.request(metadata, 12, { topics: [] })
      return []
    },
  }
}

/** Makes topics and waits until they are led; keeps their ids. */
export function makeTopics(...topics: readonly { readonly name: string; readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> }[]): Step {
  return {
    name: 'topics are made', apis: [],
    run: async run => {
      const client = await run.client()
      await client.request(createTopics, 7, {
        topics: topics.map(({ name, partitions = 1, configs = {} }) => ({ name: run.name(name), numPartitions: partitions, replicationFactor: 1, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) })),
        timeoutMs: 10_000,
      })
      await served(run, topics.map(topic => topic.name), topics.map(topic => topic.partitions ?? 1))
      return []
    },
  }
}

/** Waits until the topics are led by the broker, each with so many partitions; 0: until it is gone. */
export function awaitTopics(partitions: Readonly<Record<string, number>>): Step {
  return { name: 'topics are waited for', apis: [], run: async run => { await served(run, Object.keys(partitions), Object.values(partitions)); return [] } }
}

async function served(run: Run, names: readonly string[], partitions: readonly number[]): Promise<void> {
  const client = await run.client()
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const { topics } = await client.request(metadata, 12, { topics: names.map(name => ({ name: run.name(name), topicId: ZERO_UUID })), allowAutoTopicCreation: false })
    for (const topic of topics) if (topic.name !== null && topic.errorCode === 0) run.texts.set(`id of ${topic.name}`, topic.topicId)
    const ready = names.every((name, index) => {
      const topic = topics.find(each => each.name === run.name(name))
      if (partitions[index] === 0) return topic?.errorCode !== 0
      return topic !== undefined && topic.partitions.length === partitions[index] && topic.partitions.every(each => each.leaderId >= 0 && each.errorCode === 0)
    })
    if (ready && await led(run, names, partitions)) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`topics ${names.join(', ')} are not as wanted on port ${run.port}`)
}

/** Metadata tells of a leader before the broker has begun to lead: a question to each partition tells when it has. */
async function led(run: Run, names: readonly string[], partitions: readonly number[]): Promise<boolean> {
  const client = await run.client()
  const { topics } = await client.request(listOffsets, 7, {
    topics: names.map((name, index) => ({ name: run.name(name), partitions: Array.from({ length: partitions[index] ?? 0 }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 })) })).filter(topic => topic.partitions.length > 0),
  })
  return topics.every(topic => topic.partitions.every(partition => partition.errorCode === 0))
}

async function exchange<A extends Api>(run: Run, api: A, body: Body<A>, options: StepOptions<A>): Promise<Exchange> {
  const version = Math.min(options.to ?? Infinity, Math.max(options.from ?? 0, run.versionOf(api)))
  const retryOn = [...LOADING, ...options.retryOn ?? []]
  for (let attempt = 0; ; attempt++) {
    const client = await run.client(options.connection)
    const answer: unknown = await answered(client.request(api, version, bodyOf(body, run))).catch((error: Error) => {
      if (!client.closed) throw new Error(`${api.name} v${version} to port ${run.port}: ${error.message}`, { cause: error })
      return { connection: 'closed' }
    })
    if (attempt < TRIES_MAX && errorsOf(answer).some(error => retryOn.includes(error))) {
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
      continue
    }
    // Decoded by this very API's table, unless the connection was closed.
    if (typeof answer === 'object' && answer !== null && !('connection' in answer)) options.keep?.(answer as ResponseOf<A>, run)
    return { api, version, answer }
  }
}

function answered<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function bodyOf<T>(body: T | ((run: Run) => T), run: Run): T {
  // A request is never a function.
  return typeof body === 'function' ? (body as (run: Run) => T)(run) : body
}

function errorsOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([name, field]) => name.toLowerCase().endsWith('errorcode') && typeof field === 'number' && field !== 0 ? [errorName(field)] : errorsOf(field))
}
