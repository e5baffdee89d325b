/**
 * `ingest(…)`: events over HTTP into a topic. An answer of 200 means that every record of the request is durable in Kafka.
 *
 * ```
 *   POST {…} or [{…}, …] ──▶ checked and encoded, all or none ──▶ producer (idempotent, acks=all) ──acknowledged──▶ 200 { accepted }
 *                               400 · 413 · 415 · 401                 429 · 503, with Retry-After
 * ```
 * IN1. No record of a request is written unless each is well-formed: nothing of a request that is answered with 4xx is in the topic.
 * IN2. At least once: where an answer is lost, or is 503, some records may be in the topic already, and a sender that repeats the request doubles them. So each record
 *      has the header `idempotency-key`: the request's `Idempotency-Key` and the record's index in it, by which `distinct` behind it takes them out.
 * IN3. Bounds: `bytesMax` and `recordsMax` of a request (413), `requestsMax` under way and the producer's own bytes (429). Above them nothing is taken, and nothing queues.
 * IN4. A failure counts for every request whose records were sent when it became known: none of them is answered with 200 by mistake.
 * IN5. JSON only, by POST: a page of another origin cannot send that without being asked first, and it is not answered.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { parseJson } from '../base/json-parse.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { Cluster } from '../client/cluster.ts'
import type { SecurityOptions } from '../client/security.ts'
import { Producer } from '../client/producer.ts'
import type { Topic } from '../dsl/topic.ts'
import type { Env } from '../env/env.ts'
import { realEnv } from '../env/real/env.ts'
import { partitionOf } from '../wire/partitioner.ts'

export interface IngestOptions<K, V> {
  readonly topic: Topic<K, V>
  /** `host:port,host:port` of the cluster. */
  readonly bootstrap: string
  /** TLS and log-in at the cluster. */
  readonly security?: SecurityOptions | undefined
  /** One event of the body as a record, or what is wrong with it. Without it an event is `{ key, value }`, of the topic's types. */
  readonly read?: ((event: unknown, request: Request) => IngestedRecord<K, V> | string) | undefined
  /** Whether the request may write (a token, a signature). Needed where the server is reached from other machines. */
  readonly allows?: ((request: Request) => boolean | Promise<boolean>) | undefined
  /** Of a request. Default 1 MiB. */
  readonly bytesMax?: number | undefined
  /** Default 1,000. */
  readonly recordsMax?: number | undefined
  /** Requests under way at once. Default 1,000. */
  readonly requestsMax?: number | undefined
  /** How long Kafka may take to acknowledge, before 503. Default `'30 seconds'`. */
  readonly timeout?: Duration | undefined
  readonly logger?: Logger | undefined
  readonly env?: Env | undefined
}

export interface IngestedRecord<K, V> {
  readonly key: K
  readonly value: V
  /** Epoch milliseconds; now without it. */
  readonly time?: number | undefined
}

export interface Ingest {
  /** A handler as every server of web-standard requests takes it (Hono, Deno, `serve` of @hono/node-server). */
  readonly fetch: (request: Request) => Promise<Response>
  readonly accepted: number
  close(): Promise<void>
}

const BYTES_MAX = 1 << 20
const RECORDS_MAX = 1_000
const REQUESTS_MAX = 1_000
const TIMEOUT_MS = 30_000
const RETRY_AFTER_S = 1
const KEY_CHARACTERS_MAX = 256

/** Connects, and gives a handler. The topic is made, as declared, where it is not there. Rejects with `CONNECTION_FAILED`. */
export async function ingest<K, V>(options: IngestOptions<K, V>): Promise<Ingest> {
  const env = options.env ?? realEnv
  const logger = (options.logger ?? silentLogger).child({ ingest: options.topic.name })
  const cluster = await Cluster.connect(env, { bootstrap: options.bootstrap, security: options.security, clientId: `ingest-${options.topic.name}`, logger })
  try {
    const running = new RunningIngest(options, env, logger, cluster)
    await running.start()
    return running
  } catch (error) {
    await cluster.close()
    throw error
  }
}

interface Encoded {
  readonly key: Buffer | null
  readonly value: Buffer
  readonly time: number
}

class RunningIngest<K, V> implements Ingest {
  accepted = 0
  readonly #options: IngestOptions<K, V>
  readonly #env: Env
  readonly #logger: Logger
  readonly #cluster: Cluster
  readonly #timeoutMs: number
  #producer: Producer | undefined
  #partitions = 1
  #keyless = 0
  #underWay = 0
  /** Requests whose records were sent, numbered; those up to `#failedUpTo` are not safe (IN4). */
  #sent = 0
  #failedUpTo = 0
  #flushing: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(options: IngestOptions<K, V>, env: Env, logger: Logger, cluster: Cluster) {
    this.#options = options
    this.#env = env
    this.#logger = logger
    this.#cluster = cluster
    this.#timeoutMs = options.timeout === undefined ? TIMEOUT_MS : durationMs(options.timeout, 'timeout')
  }

  async start(): Promise<void> {
    this.#partitions = await partitionsOf(this.#cluster, this.#options.topic)
    await this.#renew()
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    // Counted before anything is waited for: many that come at once are many under way.
    if (this.#underWay >= (this.#options.requestsMax ?? REQUESTS_MAX) || this.#producer?.full === true) return answer(429, 'too many requests are under way', { 'retry-after': String(RETRY_AFTER_S) })
    this.#underWay++
    try {
      const refused = await this.#refusal(request)
      if (refused !== undefined) return refused
      const body = await bodyOf(request, this.#options.bytesMax ?? BYTES_MAX)
      if (body === undefined) return answer(413, `a request has at most ${this.#options.bytesMax ?? BYTES_MAX} bytes`)
      const records = this.#encode(body, request)
      if (typeof records === 'string') return answer(records.startsWith('at most') ? 413 : 400, records)
      return await this.#write(records, request.headers.get('idempotency-key'))
    } finally {
      this.#underWay--
    }
  }

  async close(): Promise<void> {
    await this.#producer?.flush().catch((error: unknown) => this.#logger.warn('what was under way at the end', { problem: messageOf(error) }))
    await this.#producer?.close()
    await this.#cluster.close()
  }

  async #refusal(request: Request): Promise<Response | undefined> {
    if (request.method !== 'POST') return answer(405, 'events are sent by POST', { allow: 'POST' })
    if (!/^application\/json(;|$)/.test(request.headers.get('content-type') ?? '')) return answer(415, 'the body is JSON: content-type: application/json')
    if (this.#options.allows !== undefined && !await this.#options.allows(request)) return answer(401, 'not allowed')
    if ((request.headers.get('idempotency-key') ?? '').length > KEY_CHARACTERS_MAX) return answer(400, `an Idempotency-Key has at most ${KEY_CHARACTERS_MAX} characters`)
    if (this.#producer === undefined) return this.#unavailable('the producer is being renewed')
    return undefined
  }

  #unavailable(why: string): Response {
    return answer(503, `not acknowledged: ${why}. Send it again, with the same Idempotency-Key.`, { 'retry-after': String(RETRY_AFTER_S) })
  }

  /** IN1. */
  #encode(body: string, request: Request): readonly Encoded[] | string {
    const { topic, read = plainRecord, recordsMax = RECORDS_MAX } = this.#options
    let parsed: unknown
    try {
      parsed = parseJson(body)
    } catch (error) {
      return `the body is not JSON: ${messageOf(error)}`
    }
    const events: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
    if (events.length > recordsMax) return `at most ${recordsMax} events in one request`
    const records: Encoded[] = []
    for (const [index, event] of events.entries()) {
      try {
        const record = read(event, request)
        if (typeof record === 'string') return `event ${index + 1}: ${record}`
        const time = record.time ?? this.#env.clock.now()
        if (!Number.isSafeInteger(time) || time < 0) return `event ${index + 1}: its time is not whole milliseconds since 1970`
        // What came over HTTP is of the topic's type if its serde takes it and gives back as much.
        const value = topic.value.serialize(record.value as V)
        topic.value.deserialize(value, 0, value.length)
        const key = record.key === undefined || record.key === null ? null : topic.key.serialize(record.key as K)
        if (key === null && !topic.key.optional) return `event ${index + 1}: it has no key`
        records.push({ key, value, time })
      } catch (error) {
        return `event ${index + 1}: ${messageOf(error)}`
      }
    }
    return records
  }

  async #write(records: readonly Encoded[], idempotencyKey: string | null): Promise<Response> {
    const { name } = this.#options.topic
    const producer = this.#producer
    if (producer === undefined) return this.#unavailable('the producer is being renewed')
    try {
      for (const [index, { key, value, time }] of records.entries()) {
        const partition = key === null ? this.#keyless++ % this.#partitions : partitionOf(key, this.#partitions)
        producer.send(name, partition, time, key, value, idempotencyKey === null ? [] : [{ key: 'idempotency-key', value: Buffer.from(`${idempotencyKey}#${index}`) }])
      }
      const number = ++this.#sent
      await this.#flushed(producer)
      if (number <= this.#failedUpTo) throw new MillraceError('BROKER_ERROR', 'a batch that was under way at the same time has failed')
    } catch (error) {
      this.#logger.warn('events are not acknowledged', { events: records.length, problem: messageOf(error) })
      return this.#unavailable(messageOf(error))
    }
    this.accepted += records.length
    return Response.json({ accepted: records.length })
  }

  /** Resolves when what was sent before is acknowledged. Requests that wait share one flush. */
  #flushed(producer: Producer): Promise<void> {
    if (this.#flushing === undefined) return this.#flush(producer)
    this.#next ??= this.#flushing.then(() => this.#again(producer), () => this.#again(producer))
    return this.#next
  }

  #again(producer: Producer): Promise<void> {
    this.#next = undefined
    return this.#flush(producer)
  }

  #flush(producer: Producer): Promise<void> {
    const flushing = producer.flush().catch((error: unknown) => {
      // The producer tells a failure once: it may be of a request that waits for the next flush.
      this.#failedUpTo = this.#sent
      void this.#renew().catch((problem: unknown) => this.#logger.error('no new producer', { problem: messageOf(problem) }))
      throw error
    }).finally(() => { if (this.#flushing === flushing) this.#flushing = undefined })
    this.#flushing = flushing
    return flushing
  }

  /** After a failure with a producer of a new identity; until it is there requests get 503. */
  async #renew(): Promise<void> {
    const old = this.#producer
    this.#producer = undefined
    void old?.close().catch(() => {}) // Its records are answered with 503 already.
    for (let pauseMs = 100; ; pauseMs = Math.min(5_000, pauseMs * 2)) {
      const producer = new Producer(this.#cluster, { deliveryTimeoutMs: this.#timeoutMs, requestTimeoutMs: Math.min(this.#timeoutMs, 30_000), lingerMs: 1 })
      try {
        await producer.init()
        this.#producer = producer
        return
      } catch (error) {
        await producer.close()
        if (!(error instanceof MillraceError) || !error.retriable) throw error
        await this.#env.clock.sleep(pauseMs)
      }
    }
  }
}

/** `{ key, value }`, as unknown as it came: the topic's serdes say whether it is what they write. */
function plainRecord<K, V>(event: unknown): IngestedRecord<K, V> | string {
  if (typeof event !== 'object' || event === null || !('value' in event)) return 'not an object with "key" and "value"'
  // Checked by the serdes right after.
  return { key: ('key' in event ? event.key : undefined) as K, value: event.value as V }
}

/** `undefined` where it is too long: read only so far. */
async function bodyOf(request: Request, bytesMax: number): Promise<string | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return undefined
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ error: text }, { status, headers })
}

/** Makes the topic, as declared, where it is not there. */
export async function partitionsOf(cluster: Cluster, topic: { readonly name: string; readonly partitions: number | undefined; readonly replicas: number | undefined }): Promise<number> {
  const { Admin } = await import('../client/admin.ts')
  const known = await cluster.partitions(topic.name).catch(() => [])
  if (known.length > 0) return known.length
  await new Admin(cluster).createTopics([{ name: topic.name, partitions: topic.partitions }], { existing: 'ok' })
  return (await cluster.partitions(topic.name)).length
}
