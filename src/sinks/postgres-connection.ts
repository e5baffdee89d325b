/**
 * One connection to PostgreSQL through the package `pg`, which is loaded when the first sink needs it: who has no such sink does not install it.
 *
 * PC1. Statements of one connection go one after the other.
 * PC2. An error with an SQLSTATE is the server's answer; everything else that `pg` throws means that the connection is of no use any more.
 */
import { MillraceError, messageOf } from '../base/errors.ts'

export interface PostgresConnection {
  query(sql: string, values?: readonly unknown[]): Promise<PostgresResult>
  /** Does not throw: the connection may be gone already. */
  close(): Promise<void>
}

export interface PostgresResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly rowCount: number | null
}

/** What is used of `pg`'s `Client`. */
interface Client {
  connect(): Promise<unknown>
  query(sql: string, values?: unknown[]): Promise<PostgresResult>
  end(): Promise<void>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

type ClientClass = new (options: Readonly<Record<string, unknown>>) => Client

const CONNECT_TIMEOUT_MS = 10_000
/** A statement that waits longer for a lock is given up: its task tries again. */
const STATEMENT_TIMEOUT_MS = 30_000

/** Rejects with `CONNECTION_FAILED` (retriable), or with `CONFIG_INVALID` where the address or the package is at fault. */
export async function connectPostgres(address: string): Promise<PostgresConnection> {
  if (!/^postgres(ql)?:\/\//.test(address)) throw new MillraceError('CONFIG_INVALID', `The connection of a postgres sink begins with postgres://, here it is ${address === '' ? 'empty' : 'something else'}.`)
  const Connection = await clientClass()
  const client = new Connection({ connectionString: address, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, statement_timeout: STATEMENT_TIMEOUT_MS, application_name: 'millrace', keepAlive: true })
  // The statement at hand, or the next one, rejects with it.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    const where = address.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/[?#].*$/s, '')
    // 28: the password; 3D: the database. Neither mends itself.
    if (/^(28|3D)/.test(sqlStateOf(error) ?? '')) throw new MillraceError('CONFIG_INVALID', `PostgreSQL at ${where} refuses the connection: ${messageOf(error)}`, { cause: error })
    throw new MillraceError('CONNECTION_FAILED', `PostgreSQL at ${where}: ${messageOf(error)}`, { retriable: true, cause: error })
  }
  return {
    query: (sql, values) => client.query(sql, values === undefined ? undefined : [...values]),
    close: () => client.end().catch(() => {}),
  }
}

async function clientClass(): Promise<ClientClass> {
  // Not a literal: the package is optional, and the compiler must not ask for it.
  const name: string = 'pg'
  let loaded: unknown
  try {
    loaded = await import(name)
  } catch (error) {
    throw new MillraceError('CONFIG_INVALID', 'A postgres sink needs the package pg, which is not installed here. Run: npm install pg', { cause: error })
  }
  const found = memberOf(loaded, 'Client') ?? memberOf(memberOf(loaded, 'default'), 'Client')
  if (typeof found !== 'function') throw new MillraceError('CONFIG_INVALID', 'The package pg that is installed here has no Client. Run: npm install pg@8')
  return found as ClientClass // As its documentation describes it.
}

function memberOf(value: unknown, name: string): unknown {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, name) : undefined
}

function sqlStateOf(error: unknown): string | undefined {
  const code = memberOf(error, 'code')
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code) ? code : undefined
}

/** PC2; also where the server says that it ends the connection. */
export function isLost(error: unknown): boolean {
  if (error instanceof MillraceError) return false
  const state = sqlStateOf(error)
  return state === undefined ? isOfConnection(error) : /^(08|57P)/.test(state)
}

/** What `pg` itself and sockets throw: not a mistake in a function of the user's. */
function isOfConnection(error: unknown): boolean {
  return typeof memberOf(error, 'code') === 'string' || /Connection terminated|Client (was closed|has encountered)|not queryable|timeout/i.test(messageOf(error))
}

/** A deadlock, a serialization failure, a lock that was waited for too long, no room for a connection: the same transaction may succeed later. */
export function isTransient(error: unknown): boolean {
  return /^(40|53|55P03|57014)/.test(sqlStateOf(error) ?? '')
}

/** The data of a row: a value that its column does not take, a constraint that it breaks. */
export function isRowError(error: unknown): boolean {
  return /^(22|23)/.test(sqlStateOf(error) ?? '')
}
