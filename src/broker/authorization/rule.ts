/**
 * What a rule is: before a handler, what of a request its caller may ask; behind it, what of the answer it may see.
 *
 * R1. A rule never carries out anything. It lets pass, refuses the whole, or takes out of the request what is not allowed and puts that
 *     back into the answer with its error.
 * R2. What a caller may not describe does not show by its absence either: a name that does not exist is refused like one that does.
 */
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { Api, RequestOf, ResponseInput } from '../../wire/schema.ts'
import type { Core } from '../handler.ts'
import { CLUSTER_NAME, OPERATIONS } from './acl.ts'
import type { Operation, ResourceType } from './acl.ts'
import type { Authorizer, Caller } from './authorizer.ts'

export type Verdict<A extends Api> =
  | 'pass'
  | { readonly answer: ResponseInput<A> }
  /** Where no answer is expected that could say it. */
  | { readonly close: string }
  | { readonly request?: RequestOf<A> | undefined, readonly finish: (response: ResponseInput<A>) => ResponseInput<A> }

export interface Rule {
  readonly api: Api
  /** For people: `WRITE topic; WRITE transactional id`. */
  readonly needs: string
  guard(rights: Rights, request: unknown, version: number): Verdict<Api>
}

export function rule<A extends Api>(api: A, needs: string, guard: (rights: Rights, request: RequestOf<A>, version: number) => Verdict<A>): Rule {
  // Dispatch decodes the request with this very API's table, and its handler answers with it.
  return { api, needs, guard: (rights, request, version) => guard(rights, request as RequestOf<A>, version) as unknown as Verdict<Api> }
}

/** Of one caller, for one request. */
export class Rights {
  readonly core: Core
  readonly #authorizer: Authorizer
  readonly #caller: Caller

  constructor(core: Core, authorizer: Authorizer, caller: Caller) {
    this.core = core
    this.#authorizer = authorizer
    this.#caller = caller
  }

  topic(operation: Operation, name: string): boolean {
    return this.#authorizer.allows(this.#caller, operation, 'TOPIC', name)
  }

  group(operation: Operation, name: string): boolean {
    return this.#authorizer.allows(this.#caller, operation, 'GROUP', name)
  }

  transactionalId(operation: Operation, name: string): boolean {
    return this.#authorizer.allows(this.#caller, operation, 'TRANSACTIONAL_ID', name)
  }

  cluster(operation: Operation): boolean {
    return this.#authorizer.allows(this.#caller, operation, 'CLUSTER', CLUSTER_NAME)
  }

  anyTopic(operation: Operation): boolean {
    return this.#authorizer.allowsAny(this.#caller, operation, 'TOPIC')
  }

  /** Of the operations in the bit set those that are allowed. */
  operations(possible: number, type: ResourceType, name: string): number {
    let allowed = 0
    for (const [operation, code] of Object.entries(OPERATIONS)) {
      // The table's own keys.
      if ((possible & (1 << code)) !== 0 && this.#authorizer.allows(this.#caller, operation as Operation, type, name)) allowed |= 1 << code
    }
    return allowed
  }
}

export function split<T>(items: readonly T[], isAllowed: (item: T) => boolean): { readonly allowed: T[], readonly denied: T[] } {
  const [allowed, denied]: [T[], T[]] = [[], []]
  for (const item of items) (isAllowed(item) ? allowed : denied).push(item)
  return { allowed, denied }
}

export const TOPIC_DENIED: KafkaErrorName = 'TOPIC_AUTHORIZATION_FAILED'
export const GROUP_DENIED: KafkaErrorName = 'GROUP_AUTHORIZATION_FAILED'
export const CLUSTER_DENIED: KafkaErrorName = 'CLUSTER_AUTHORIZATION_FAILED'
export const TRANSACTIONAL_ID_DENIED: KafkaErrorName = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
export const DENIED_MESSAGE = 'Authorization failed.'
