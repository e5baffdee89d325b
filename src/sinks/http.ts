/**
 * `http(…)`: each row is a request, answered before the offset of its record is committed.
 *
 * HO1. At least once. `Idempotency-Key` is `<app>.<task>.<sink>/<row id>`: the same over retries, restarts, rebalances and machines, and no other row's, so a receiver that keeps
 *      the keys it has done does each row once.
 * HO2. Rows of one key go one after the other, in order: the next only after the answer to the one before. Rows without a key have no order. Of different keys at
 *      most `concurrency` requests are under way per worker.
 * HO3. 408, 425, 429, 5xx and failures of the connection are tried again, with jittered backoff, not before `Retry-After`; after `retryFor` the task goes back to its last
 *      commit and begins anew, so it never gives up by itself. What this worker has had answered is not sent again then.
 * HO4. Every other answer from 300 on refuses the row: the task's `onError` says what becomes of its record. A redirect is not followed: it would drop the method and the key.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { backoffMs } from '../client/backoff.ts'
import { rowId, RowsRejected } from '../topology/target.ts'
import type { RejectedRow, Target, TargetBatch, TargetContext, TargetOf, TargetRow } from '../topology/target.ts'

export interface HttpOptions<K, V> {
  readonly url: string | ((row: TargetRow<K, V>) => string)
  /** Default `POST`. */
  readonly method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined
  /** Besides `content-type` (JSON unless given) and `idempotency-key`. */
  readonly headers?: Readonly<Record<string, string>> | ((row: TargetRow<K, V>) => Readonly<Record<string, string>>) | undefined
  /** The value as JSON without it. */
  readonly body?: ((row: TargetRow<K, V>) => string) | undefined
  /** Requests under way at once, per worker. Default 8. */
  readonly concurrency?: number | undefined
  /** Of one request. Default `'10 seconds'`. */
  readonly timeout?: Duration | undefined
  /** How long a row is tried before the task goes back to its last commit, and begins anew. Default `'30 seconds'`. */
  readonly retryFor?: Duration | undefined
  /** Instead of Node's `fetch`: an agent of your own, a test. */
  readonly fetch?: typeof fetch | undefined
}

const ROWS_MAX = 500
const CONCURRENCY = 8
const TIMEOUT_MS = 10_000
const RETRY_FOR_MS = 30_000
const BACKOFF = { minMs: 100, maxMs: 5_000 }
const AGAIN: ReadonlySet<number> = new Set([408, 425, 429])
const ANSWER_CHARACTERS_MAX = 400

/**
 * Sends each row as a request, at least once, with a key that stays the same.
 *
 * @example
 *   read(orders).to(http({ url: 'https://billing.example/orders' }))
 */
export function http<K, V>(options: HttpOptions<K, V>): TargetOf<K, V> {
  const { url, concurrency = CONCURRENCY } = options
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw new MillraceError('CONFIG_INVALID', `http: concurrency is ${concurrency}, not a whole number of at least 1`)
  if (typeof url === 'string' && !/^https?:\/\//.test(url)) throw new MillraceError('CONFIG_INVALID', `http: '${url}' is no address: it begins with http:// or https://`)
  const settings: Settings = {
    // The stream that it is given to has rows of these types: `to` has checked it.
    options: options as HttpOptions<unknown, unknown>, concurrency,
    timeoutMs: options.timeout === undefined ? TIMEOUT_MS : durationMs(options.timeout, 'timeout'),
    retryForMs: options.retryFor === undefined ? RETRY_FOR_MS : durationMs(options.retryFor, 'retryFor'),
  }
  return {
    kind: 'http', delivery: 'atLeastOnce', detail: typeof url === 'string' ? withoutSecrets(url) : '(address by row)', rowsMax: ROWS_MAX, outside: true,
    open: context => Promise.resolve(new HttpTarget(context, settings)),
  }
}

interface Settings {
  readonly options: HttpOptions<unknown, unknown>
  readonly concurrency: number
  readonly timeoutMs: number
  readonly retryForMs: number
}

type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly why: string }
  /** `notBeforeMs`: of the monotonic clock. */
  | { readonly kind: 'again'; readonly why: string; readonly notBeforeMs: number }

class HttpTarget implements Target {
  readonly #context: TargetContext
  readonly #settings: Settings
  /** Answered and perhaps not committed: `topic/partition` → row id → offset (HO3). */
  readonly #done = new Map<string, Map<string, number>>()
  /** The receiver has asked for quiet until then, whatever row it was about. */
  #notBeforeMs = -Infinity
  readonly #closing = new AbortController()

  constructor(context: TargetContext, settings: Settings) {
    this.#context = context
    this.#settings = settings
  }

  claim(): Promise<[]> {
    return Promise.resolve([])
  }

  async deliver(batches: readonly TargetBatch[]): Promise<void> {
    for (const batch of batches) this.#forgetBelow(batch)
    const refused: RejectedRow[] = []
    const waiting = lanesOf(batches.flatMap(batch => batch.rows))
    const failures: unknown[] = []
    const work = async (): Promise<void> => {
      for (let lane = waiting.pop(); lane !== undefined && failures.length === 0; lane = waiting.pop()) {
        for (const row of lane) {
          if (failures.length > 0) return
          await this.#send(row, refused)
        }
      }
    }
    const settled = await Promise.allSettled(Array.from({ length: Math.min(this.#settings.concurrency, waiting.length) }, () => work().catch((error: unknown) => { failures.push(error) })))
    for (const each of settled) if (each.status === 'rejected') failures.push(each.reason)
    if (failures.length > 0) throw failures[0]
    if (refused.length > 0) throw new RowsRejected(refused)
  }

  release(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  async #send(row: TargetRow, refused: RejectedRow[]): Promise<void> {
    const { clock, random } = this.#context.env
    const done = this.#doneOf(row)
    const id = rowId(row)
    if (done.has(id)) return
    const until = clock.monotonic() + this.#settings.retryForMs
    for (let attempt = 0; ; attempt++) {
      const waitMs = this.#notBeforeMs - clock.monotonic()
      if (waitMs > 0) await clock.sleep(Math.min(waitMs, Math.max(0, until - clock.monotonic())))
      const answer: Answer = this.#notBeforeMs > clock.monotonic() ? { kind: 'again', why: 'it has asked to wait', notBeforeMs: this.#notBeforeMs } : await this.#request(row, id)
      if (answer.kind === 'done') {
        done.set(id, row.offset)
        this.#context.reach()
        return
      }
      if (answer.kind === 'refused') return void refused.push({ row, error: new MillraceError('SINK_REFUSED', answer.why) })
      this.#notBeforeMs = Math.max(this.#notBeforeMs, answer.notBeforeMs)
      const pauseMs = backoffMs(attempt, BACKOFF, random)
      if (this.#closing.signal.aborted || clock.monotonic() + pauseMs >= until) throw new MillraceError('CONNECTION_FAILED', `${this.#context.name}: ${answer.why}, for ${this.#settings.retryForMs / 1_000} s; going back to the last commit to try again`, { retriable: true })
      this.#context.logger.warn('a request is tried again', { row: id, problem: answer.why, pauseMs: Math.round(pauseMs) })
      await clock.sleep(pauseMs)
    }
  }

  async #request(row: TargetRow, id: string): Promise<Answer> {
    const { options, timeoutMs } = this.#settings
    const { clock } = this.#context.env
    let where = ''
    try {
      const { method = 'POST', url, headers, body } = options
      const address = typeof url === 'string' ? url : url(row)
      where = `${method} ${withoutSecrets(address)}`
      if (!URL.canParse(address)) return { kind: 'refused', why: `${where}: that is no address` }
      const init: RequestInit = {
        method, redirect: 'manual', signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#closing.signal]), body: body === undefined ? JSON.stringify(row.value) : body(row),
        headers: { 'content-type': 'application/json', ...typeof headers === 'function' ? headers(row) : headers, 'idempotency-key': `${this.#context.name}/${id}` },
      }
      return await this.#ask(where, address, init)
    } catch (error) {
      // What comes from building the request is the row's fault: it would throw each time.
      return error instanceof Unreached ? { kind: 'again', why: error.message, notBeforeMs: clock.monotonic() } : { kind: 'refused', why: `${where === '' ? 'its request cannot be made' : where}: ${messageOf(error)}` }
    }
  }

  async #ask(where: string, url: string, init: RequestInit): Promise<Answer> {
    let response: Response
    let text: string
    try {
      response = await (this.#settings.options.fetch ?? fetch)(url, init)
      text = response.ok ? (await response.body?.cancel(), '') : await response.text()
    } catch (error) {
      throw new Unreached(`${where}: ${reasonOf(error)}`)
    }
    if (response.ok) return { kind: 'done' }
    const why = `${where} was answered with ${response.status}${text === '' ? '' : `: ${text.slice(0, ANSWER_CHARACTERS_MAX)}`}`
    if (response.status < 500 && !AGAIN.has(response.status)) return { kind: 'refused', why }
    return { kind: 'again', why, notBeforeMs: this.#context.env.clock.monotonic() + retryAfterMs(response.headers.get('retry-after'), this.#context.env.clock.now()) }
  }

  #doneOf({ topic, partition }: TargetRow): Map<string, number> {
    const key = `${topic}/${partition}`
    const known = this.#done.get(key) ?? new Map<string, number>()
    this.#done.set(key, known)
    return known
  }

  /** Rows before the first of this delivery are committed: they cannot come again to this worker. */
  #forgetBelow({ rows }: TargetBatch): void {
    const seen = new Set<string>()
    for (const row of rows) {
      if (seen.has(row.topic)) continue
      seen.add(row.topic)
      const done = this.#doneOf(row)
      for (const [id, offset] of done) if (offset < row.offset) done.delete(id)
    }
  }
}

/** The receiver was not reached, or did not answer in time. */
class Unreached extends Error {}

/** HO2: rows of a key in one lane, in order; a row without key is a lane of its own. The last lane is to be taken first, so that `pop` gives them in order. */
function lanesOf(rows: readonly TargetRow[]): TargetRow[][] {
  const byKey = new Map<string, TargetRow[]>()
  const lanes: TargetRow[][] = []
  for (const row of rows) {
    const key = row.key === undefined ? undefined : typeof row.key === 'string' ? row.key : JSON.stringify(row.key)
    const known = key === undefined ? undefined : byKey.get(key)
    if (known !== undefined) known.push(row)
    else {
      const lane = [row]
      lanes.push(lane)
      if (key !== undefined) byKey.set(key, lane)
    }
  }
  return lanes.reverse()
}

/** Milliseconds that `Retry-After` asks to wait: seconds, or a date (RFC 9110, 10.2.3). 0 where there is none, or one that says nothing. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0
  if (/^\d+$/.test(header.trim())) return Number(header.trim()) * 1_000
  const date = Date.parse(header)
  return Number.isNaN(date) ? 0 : Math.max(0, date - nowMs)
}

function withoutSecrets(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@?#]*@/, '$1').replace(/[?#].*$/s, '')
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
}
