/**
 * Fault hooks: a test catches single requests and delays, answers, drops or cuts them (after kfake's ControlKey).
 *
 * ```ts
 * const control = new Control()
 * control.delay('Fetch', 200)
 * control.fail('Produce', 'NOT_LEADER_OR_FOLLOWER', { times: 2 })
 * control.cut('EndTxn', { when: 'after', times: 1 })                       // Done, but the client never hears of it.
 * control.on('Produce', ({ clientId }) => clientId === 'slow' ? { kind: 'delay', ms: 1000 } : undefined)
 * const broker = await Broker.start(env, { directory, control })
 * ```
 *
 * C1. Hooks are asked in the order in which they were set; the first that returns an action has taken the request.
 * C2. A hook with `times: n` is gone after n actions.
 * C3. An API is named in Kafka's words or by its key; a name that there is not is refused when the hook is set, as it would never be asked.
 */
import { MillraceError } from '../base/errors.ts'
import { apiKeyOf } from '../wire/apis/names.ts'
import type { ApiName } from '../wire/apis/names.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'

export interface InterceptedRequest {
  readonly apiKey: number
  readonly apiName: string
  readonly version: number
  readonly clientId: string
  /** Decoded, as `wire` gives it. */
  readonly request: unknown
}

export type ControlAction =
  /** Goes on as usual after `ms`. Later requests of the connection are started before it, their answers wait for its own. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Is not carried out; `body` is the response. */
  | { readonly kind: 'answer'; readonly body: unknown }
  /** Is carried out; every error code in the response is replaced. */
  | { readonly kind: 'fail'; readonly error: KafkaErrorName }
  /** Is not carried out and never answered; the connection stays, and hangs at this request. */
  | { readonly kind: 'drop' }
  /** The connection is cut before the request is carried out, or after it and before its answer. */
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' }

export type ControlHook = (request: InterceptedRequest) => ControlAction | undefined

export interface FaultOptions {
  /** After so many requests the hook is gone. Default: it stays. */
  readonly times?: number | undefined
  /** Of this client alone, by its `client.id`. */
  readonly clientId?: string | undefined
}

interface Registered {
  readonly apiKey: number
  readonly hook: ControlHook
  left: number
}

export class Control {
  #hooks: Registered[] = []

  /** Sets a hook for an API, by name (`'Produce'`) or key; returns what takes it back. Throws `USAGE` for a name that there is not. */
  on(api: ApiName | number, hook: ControlHook, options: { readonly times?: number | undefined } = {}): () => void {
    const apiKey = typeof api === 'number' ? api : apiKeyOf(api)
    if (apiKey < 0) throw new MillraceError('USAGE', `Kafka has no API '${api}': it is named as in the protocol, 'Produce', 'Fetch', 'JoinGroup' …`)
    const registered: Registered = { apiKey, hook, left: options.times ?? Infinity }
    this.#hooks.push(registered)
    return () => { this.#hooks = this.#hooks.filter(other => other !== registered) }
  }

  /** Requests of this API are carried out `ms` later. Returns what takes it back, as all of these do. */
  delay(api: ApiName | number, ms: number, options: FaultOptions = {}): () => void {
    return this.#always(api, { kind: 'delay', ms }, options)
  }

  /** They are never answered, and nothing is done: the client waits until its own timeout. */
  drop(api: ApiName | number, options: FaultOptions = {}): () => void {
    return this.#always(api, { kind: 'drop' }, options)
  }

  /** They are carried out, and every error code of the answer is `error` all the same. */
  fail(api: ApiName | number, error: KafkaErrorName, options: FaultOptions = {}): () => void {
    return this.#always(api, { kind: 'fail', error }, options)
  }

  /** They are not carried out; `body` is the answer, its fields named as in Kafka's protocol: `{ errorCode: 15, … }`. A body that the answer's version cannot carry closes the connection, with the reason in the broker's log. */
  answer(api: ApiName | number, body: unknown, options: FaultOptions = {}): () => void {
    return this.#always(api, { kind: 'answer', body }, options)
  }

  /** Their connection is cut: `before` they are carried out (the default), or `after`, with the answer lost. */
  cut(api: ApiName | number, options: FaultOptions & { readonly when?: 'before' | 'after' | undefined } = {}): () => void {
    return this.#always(api, { kind: 'cut', when: options.when ?? 'before' }, options)
  }

  /** Takes all hooks back. */
  clear(): void {
    this.#hooks = []
  }

  /** A hook sees the requests of this API, and may keep them. */
  watches(apiKey: number): boolean {
    return this.#hooks.some(registered => registered.apiKey === apiKey)
  }

  /** What is to be done with the request; `undefined`: nothing out of the ordinary. */
  intercept(request: InterceptedRequest): ControlAction | undefined {
    for (const registered of this.#hooks) {
      if (registered.apiKey !== request.apiKey) continue
      const action = registered.hook(request)
      if (action === undefined) continue
      registered.left -= 1
      if (registered.left <= 0) this.#hooks = this.#hooks.filter(other => other !== registered)
      return action
    }
    return undefined
  }

  #always(api: ApiName | number, action: ControlAction, { times, clientId }: FaultOptions): () => void {
    return this.on(api, request => clientId === undefined || request.clientId === clientId ? action : undefined, { times })
  }
}
