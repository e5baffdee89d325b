/**
 * `postgres(…)`: rows and the offsets of their records are written in one database transaction: exactly once, without Kafka's transactions.
 *
 * ```
 *   BEGIN
 *     SELECT … FROM millrace_positions … FOR UPDATE      epoch and offsets must be the ones that this worker knows, else FENCED
 *     INSERT INTO <table> …                              the rows of the commit, or the user's own statements
 *     UPDATE millrace_positions SET offset_next = …
 *   COMMIT                                               only then the offsets go to Kafka
 * ```
 * PG1. `millrace_positions` has a row for each sink and input partition: the offset up to which the sink has its rows, and an epoch.
 * PG2. A claim raises the epoch and reads the offset in one statement. It waits for a transaction of a former owner that has the row locked, and every later one of that
 *      owner finds another epoch and rolls back: a zombie writes nothing.
 * PG3. Where the answer to COMMIT is lost, the task goes back to its last commit and claims again: the offset in the table says whether the transaction is there.
 * PG4. Lost connections, a server that starts or stops, deadlocks: the task tries again. A row that the database refuses (SQLSTATE classes 22, 23) is found by
 *      savepoints and goes to the task's `onError`. Everything else (no such table, no such right) ends the task with the database's own words.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { RowsRejected } from '../topology/target.ts'
import type { RejectedRow, Target, TargetBatch, TargetContext, TargetOf, TargetPosition, TargetRow, TargetShard } from '../topology/target.ts'
import { connectPostgres, isLost, isRowError, isTransient } from './postgres-connection.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { createPositions, POSITIONS_TABLE } from './postgres-positions.ts'
import { tableWriter } from './postgres-table.ts'

interface Common {
  /** `postgres://user:password@host:port/database`, or a function that gives it, so that a password need not be in the program. */
  readonly connection: string | (() => string)
}

export interface PostgresTableOptions<K, V, R> extends Common {
  /** `orders`, or `shop.orders`. It must exist; rows are objects of its columns, read as `json_populate_recordset` reads them. */
  readonly table: string
  /** The row of a value; the value itself without it. */
  readonly row?: ((row: TargetRow<K, V>) => R) | undefined
  /** Columns of the key: a row whose key is there replaces it (`ON CONFLICT … DO UPDATE`). Without it rows are only added. */
  readonly upsert?: readonly (keyof R & string)[] | undefined
}

export interface PostgresStatementOptions<K, V> extends Common {
  /** Statements of your own, in the transaction of the offsets. Do not begin, commit or roll back in it. */
  readonly write: (transaction: PostgresTransaction, rows: readonly TargetRow<K, V>[]) => Promise<void>
}

export type PostgresOptions<K, V, R> = PostgresTableOptions<K, V, R> | PostgresStatementOptions<K, V>

export interface PostgresTransaction {
  query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[]; readonly rowCount: number | null }>
}

const ROWS_MAX = 5_000
const TRIES_MAX = 5

/**
 * Writes rows to a table of PostgreSQL, exactly once. Needs the package `pg`.
 *
 * @example
 *   read(orders).to(postgres({ connection: () => process.env.DATABASE_URL ?? '', table: 'orders', upsert: ['id'] }))
 */
export function postgres<K, V>(options: PostgresStatementOptions<K, V>): TargetOf<K, V>
export function postgres<K, V extends object>(options: PostgresTableOptions<K, V, V>): TargetOf<K, V>
export function postgres<K, V, R extends object>(options: PostgresTableOptions<K, V, R> & { readonly row: (row: TargetRow<K, V>) => R }): TargetOf<K, V>
export function postgres<K, V, R extends object>(options: PostgresOptions<K, V, R>): TargetOf<K, V> {
  const write: Writer = 'write' in options
    // The stream that it is given to has rows of these types: `to` has checked it.
    ? options.write as Writer
    : tableWriter({ table: options.table, row: options.row as ((row: TargetRow) => unknown) | undefined, upsert: options.upsert })
  return {
    kind: 'postgres', delivery: 'exactlyOnce', detail: 'write' in options ? '(own statements)' : options.table, rowsMax: ROWS_MAX, outside: true,
    async open(context) {
      const target = new PostgresTarget(context, options.connection, write, 'table' in options)
      await target.prepare()
      return target
    },
  }
}

export type Writer = (transaction: PostgresTransaction, rows: readonly TargetRow[]) => Promise<void>

interface Held {
  readonly topic: string
  readonly partition: number
  readonly epoch: string
  readonly offset: number | undefined
}

class PostgresTarget implements Target {
  readonly #context: TargetContext
  readonly #address: string | (() => string)
  readonly #write: Writer
  readonly #byRow: boolean
  #connection: PostgresConnection | undefined
  /** What the table must say of an input: `topic/partition` → epoch and offset as of the last claim or delivery. */
  readonly #held = new Map<string, Held>()

  constructor(context: TargetContext, address: string | (() => string), write: Writer, byRow: boolean) {
    this.#context = context
    this.#address = address
    this.#write = write
    this.#byRow = byRow
  }

  async prepare(): Promise<void> {
    await this.#speaking(connection => createPositions(connection))
  }

  claim(shard: TargetShard): Promise<readonly TargetPosition[]> {
    return this.#speaking(async connection => {
      const positions: TargetPosition[] = []
      for (const { topic, partition } of shard.inputs) {
        const { rows: [row] } = await connection.query(`INSERT INTO ${POSITIONS_TABLE} AS p (sink, topic, partition, epoch) VALUES ($1, $2, $3, 1)
          ON CONFLICT (sink, topic, partition) DO UPDATE SET epoch = p.epoch + 1, updated_at = now() RETURNING epoch::text AS epoch, offset_next::text AS offset_next`, [this.#context.name, topic, partition])
        const offset = offsetOf(row?.['offset_next'])
        this.#held.set(`${topic}/${partition}`, { topic, partition, epoch: String(row?.['epoch']), offset })
        if (offset !== undefined) positions.push({ topic, partition, offset })
      }
      return positions
    })
  }

  async deliver(batches: readonly TargetBatch[]): Promise<void> {
    const rows = batches.flatMap(batch => batch.rows)
    const ends = batches.flatMap(batch => batch.ends)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#speaking(connection => this.#transact(connection, rows, ends))
      } catch (error) {
        if (isRowError(error) && this.#byRow) throw new RowsRejected(await this.#speaking(connection => this.#refusedOf(connection, rows, error)))
        if (!isTransient(error) || attempt >= TRIES_MAX) throw this.#explained(error)
        this.#context.logger.warn('a transaction is tried again', { problem: messageOf(error), attempt })
      }
    }
  }

  release(shard: TargetShard): Promise<void> {
    for (const { topic, partition } of shard.inputs) this.#held.delete(`${topic}/${partition}`)
    return Promise.resolve()
  }

  async close(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close()
  }

  async #transact(connection: PostgresConnection, rows: readonly TargetRow[], ends: readonly TargetPosition[]): Promise<void> {
    await connection.query('BEGIN')
    try {
      await this.#mustOwn(connection, ends)
      if (rows.length > 0) await this.#write(connection, rows)
      const moved = ends.filter(end => end.offset > (this.#held.get(`${end.topic}/${end.partition}`)?.offset ?? -1))
      if (moved.length > 0) {
        await connection.query(`UPDATE ${POSITIONS_TABLE} AS p SET offset_next = e.offset_next, updated_at = now()
          FROM unnest($2::text[], $3::int[], $4::bigint[]) AS e (topic, partition, offset_next) WHERE p.sink = $1 AND p.topic = e.topic AND p.partition = e.partition`,
        [this.#context.name, moved.map(end => end.topic), moved.map(end => end.partition), moved.map(end => end.offset)])
      }
      this.#context.reach()
      await connection.query('COMMIT')
      for (const end of moved) {
        const held = this.#held.get(`${end.topic}/${end.partition}`)
        if (held !== undefined) this.#held.set(`${end.topic}/${end.partition}`, { ...held, offset: end.offset })
      }
    } catch (error) {
      // A connection that is lost rolls back by itself.
      if (!isLost(error)) await connection.query('ROLLBACK')
      throw error
    }
  }

  /** PG2: locks the positions of these inputs, and compares. */
  async #mustOwn(connection: PostgresConnection, ends: readonly TargetPosition[]): Promise<void> {
    const { rows } = await connection.query(`SELECT p.topic, p.partition, p.epoch::text AS epoch, p.offset_next::text AS offset_next FROM ${POSITIONS_TABLE} AS p
      JOIN unnest($2::text[], $3::int[]) AS e (topic, partition) ON p.topic = e.topic AND p.partition = e.partition WHERE p.sink = $1 ORDER BY p.topic, p.partition FOR UPDATE OF p`,
    [this.#context.name, ends.map(end => end.topic), ends.map(end => end.partition)])
    for (const { topic, partition } of ends) {
      const held = this.#held.get(`${topic}/${partition}`)
      const row = rows.find(each => each['topic'] === topic && each['partition'] === partition)
      if (held === undefined || row === undefined || row['epoch'] !== held.epoch || offsetOf(row['offset_next']) !== held.offset) {
        throw new MillraceError('FENCED', `${this.#context.name}: another process has taken over ${topic}/${partition} (epoch ${String(row?.['epoch'] ?? 'none')} in ${POSITIONS_TABLE}, ${held?.epoch ?? 'none'} here).`)
      }
    }
  }

  /** PG4: each row alone, in a transaction that is rolled back. */
  async #refusedOf(connection: PostgresConnection, rows: readonly TargetRow[], cause: unknown): Promise<readonly RejectedRow[]> {
    const refused: RejectedRow[] = []
    await connection.query('BEGIN')
    try {
      for (const row of rows) {
        await connection.query('SAVEPOINT millrace_row')
        try {
          await this.#write(connection, [row])
        } catch (error) {
          if (!isRowError(error)) throw error
          refused.push({ row, error: new MillraceError('SINK_REFUSED', `the database refuses it: ${messageOf(error)}`, { cause: error }) })
          await connection.query('ROLLBACK TO SAVEPOINT millrace_row')
        }
      }
    } finally {
      await connection.query('ROLLBACK')
    }
    if (refused.length === 0) throw this.#explained(cause)
    return refused
  }

  /** With a connection; one that is lost is made anew the next time. */
  async #speaking<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = this.#connection ??= await connectPostgres(typeof this.#address === 'string' ? this.#address : this.#address())
    try {
      return await work(connection)
    } catch (error) {
      if (!isLost(error)) throw error
      this.#connection = undefined
      await connection.close()
      throw new MillraceError('CONNECTION_FAILED', `${this.#context.name}: the connection to PostgreSQL is lost: ${messageOf(error)}`, { retriable: true, cause: error })
    }
  }

  #explained(error: unknown): unknown {
    if (error instanceof MillraceError || error instanceof RowsRejected) return error
    if (isTransient(error)) return new MillraceError('TIMEOUT', `${this.#context.name}: ${messageOf(error)}`, { retriable: true, cause: error })
    return new MillraceError('SINK_FAILED', `${this.#context.name} cannot write to PostgreSQL: ${messageOf(error)}\n  next     mend the table, the rights or the row, and start again: nothing of this commit is in the database, and nothing is lost`, { cause: error })
  }
}

function offsetOf(value: unknown): number | undefined {
  return typeof value === 'string' ? Number(value) : undefined
}
