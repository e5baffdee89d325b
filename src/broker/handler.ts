/**
 * What a handler is: one per API, the versions it serves, and a function from a decoded request to a response.
 *
 * H1. A handler answers every version of its range completely; what it cannot serve is not in the range.
 * H2. It throws only for our own bugs and for a disk that failed; every refusal is an error code in its response.
 * H3. `undefined` means no answer at all (Produce with acks=0).
 * H4. Requests of one connection are started in the order in which they came; what a handler does before its first `await`
 *     happens in that order too.
 */
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { Api, RequestOf, ResponseInput } from '../wire/schema.ts'
import type { Authorizer } from './authorization/authorizer.ts'
import type { ClientQuotas } from './client-quotas.ts'
import type { Clients } from './clients.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import type { GroupCoordinator } from './groups/coordinator.ts'
import type { ResolvedOptions } from './options.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { Session } from './security/session.ts'
import type { Users } from './security/users.ts'
import type { Topics } from './topics.ts'
import type { TransactionService } from './transactions/service.ts'
import type { Waiters } from './waiters.ts'

/** What handlers work on. */
export interface Core {
  readonly env: Env
  readonly logger: Logger
  readonly options: ResolvedOptions
  readonly clusterId: string
  readonly logs: LogManager
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly transactions: TransactionService
  readonly waiters: Waiters
  readonly clients: Clients
  readonly fetchSessions: FetchSessions
  readonly quotas: ClientQuotas
  readonly metrics: RequestMetrics
  /** The list of what is served, for ApiVersions. */
  readonly served: readonly Handler[]
  readonly users: Users
  /** `undefined`: everybody may do everything. */
  readonly authorizer: Authorizer | undefined
}

/** One request's surroundings. */
export interface Call {
  readonly version: number
  readonly clientId: string
  /** `/127.0.0.1` in Kafka's manner. */
  readonly clientHost: string
  /** What this connection's client can reach this broker by. */
  readonly address: { readonly host: string; readonly port: number }
  readonly connectionId: number
  readonly session: Session
  /** `User:alice`. */
  readonly principal: string
  /** Calls `callback` when the connection closes before the answer; returns what takes it back. */
  onClose(callback: () => void): () => void
}

type Answer<A extends Api> = ResponseInput<A> | undefined

export interface Handler {
  readonly api: Api
  readonly versionMin: number
  readonly versionMax: number
  /** Where ApiVersions says more than is served (Produce: KAFKA-18659), the first version it says. */
  readonly advertisedFrom?: number | undefined
  /** Once it has answered nobody refers to the request's bytes, but who holds their block (`MemoryBlocks`), and neither does the answer: the next request may lie there. */
  readonly letsGo?: boolean
  handle(core: Core, request: unknown, call: Call): unknown
}

export function handler<A extends Api>(api: A, versions: readonly [number, number], handle: (core: Core, request: RequestOf<A>, call: Call) => Answer<A> | Promise<Answer<A>>): Handler {
  return {
    api, versionMin: versions[0], versionMax: versions[1],
    // Dispatch decodes the request with this very API's table.
    handle: (core, request, call) => handle(core, request as RequestOf<A>, call),
  }
}
