/**
 * `each(fn)`: rows go to any function, a batch at a time, before the offsets of their records are committed.
 *
 * EA1. At least once: when `fn` has returned (or its promise resolved) the rows are done; after a crash those since the last commit come again, as the same rows
 *      with the same `rowId`. A function that must not act twice remembers ids, or writes under them.
 * EA2. One call at a time per worker; rows of a topic partition come in order.
 * EA3. What `fn` throws is about the whole batch: it is tried again, with backoff, for `retryFor`, then the task fails. A row that will never do is named by
 *      `refuse(row, reason)`: the task's `onError` says what becomes of its record, and the rest of the commit is handed over again.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { backoffMs } from '../client/backoff.ts'
import { rowId, RowsRejected } from '../topology/target.ts'
import type { RejectedRow, Target, TargetContext, TargetOf, TargetRow } from '../topology/target.ts'

export interface EachOptions {
  /** Rows in one call, at most. Default 500. */
  readonly batchMax?: number | undefined
  /** How long a call that throws is tried again before the task fails. Default `'10 seconds'`. */
  readonly retryFor?: Duration | undefined
}

export interface EachTools<K, V> {
  /** The row's name for ever: equal where the row comes again. */
  id(row: TargetRow<K, V>): string
  /** Leaves the row to the task's `onError`. */
  refuse(row: TargetRow<K, V>, reason: string): void
}

const BATCH_ROWS = 500
const RETRY_FOR_MS = 10_000
const ROWS_MAX = 5_000
const BACKOFF = { minMs: 100, maxMs: 2_000 }

/**
 * Hands rows to a function, in batches, at least once.
 *
 * @example
 *   read(orders).to(each(async rows => { await mailer.send(rows.map(row => row.value)) }))
 */
export function each<K, V>(take: (rows: readonly TargetRow<K, V>[], tools: EachTools<K, V>) => void | Promise<void>, options: EachOptions = {}): TargetOf<K, V> {
  const { batchMax = BATCH_ROWS } = options
  const retryForMs = options.retryFor === undefined ? RETRY_FOR_MS : durationMs(options.retryFor, 'retryFor')
  if (!Number.isSafeInteger(batchMax) || batchMax < 1) throw new MillraceError('CONFIG_INVALID', `each: batchMax is ${batchMax}, not a whole number of at least 1`)
  return {
    kind: 'each', delivery: 'atLeastOnce', detail: take.name, rowsMax: Math.max(ROWS_MAX, batchMax), outside: false,
    // The stream that it is given to has rows of these types: `to` has checked it.
    open: context => Promise.resolve(new EachTarget(context, take as Take, { batchMax, retryForMs })),
  }
}

type Take = (rows: readonly TargetRow[], tools: EachTools<unknown, unknown>) => void | Promise<void>

class EachTarget implements Target {
  readonly #context: TargetContext
  readonly #take: Take
  readonly #options: { readonly batchMax: number; readonly retryForMs: number }

  constructor(context: TargetContext, take: Take, options: { readonly batchMax: number; readonly retryForMs: number }) {
    this.#context = context
    this.#take = take
    this.#options = options
  }

  claim(): Promise<[]> {
    return Promise.resolve([])
  }

  async deliver(batches: readonly { readonly rows: readonly TargetRow[] }[]): Promise<void> {
    const rows = batches.flatMap(batch => batch.rows)
    const refused: RejectedRow[] = []
    for (let from = 0; from < rows.length; from += this.#options.batchMax) {
      refused.push(...await this.#call(rows.slice(from, from + this.#options.batchMax)))
      this.#context.reach()
    }
    if (refused.length > 0) throw new RowsRejected(refused)
  }

  release(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #call(rows: readonly TargetRow[]): Promise<readonly RejectedRow[]> {
    const { clock, random } = this.#context.env
    const until = clock.monotonic() + this.#options.retryForMs
    for (let attempt = 0; ; attempt++) {
      const refused: RejectedRow[] = []
      try {
        await this.#take(rows, { id: rowId, refuse: (row, reason) => void refused.push({ row, error: new MillraceError('SINK_REFUSED', reason) }) })
        return refused
      } catch (error) {
        const pauseMs = backoffMs(attempt, BACKOFF, random)
        const [first] = rows
        const where = first === undefined ? '' : `, the first of them ${first.topic}/${first.partition}@${first.offset}`
        if (clock.monotonic() + pauseMs > until) throw new MillraceError('SINK_FAILED', `${this.#context.name}: the function throws on ${rows.length} rows${where}: ${messageOf(error)}\n  next     mend it and start again: nothing of these rows is committed; a row that will never do can be refused, with refuse(row, reason)`, { cause: error })
        this.#context.logger.warn('the function throws: trying again', { rows: rows.length, problem: messageOf(error), pauseMs: Math.round(pauseMs) })
        await clock.sleep(pauseMs)
      }
    }
  }
}
