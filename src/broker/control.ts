/**
 * Fault hooks: a test catches single requests and delays, answers, drops or cuts them (after kfake's ControlKey).
 *
 * ```ts
 * const control = new Control()
 * control.on('EndTxn', () => ({ kind: 'cut', when: 'after' }), { times: 1 })   // Done, but the client never hears of it.
 * const broker = await Broker.start(env, { directory, control })
 * ```
 *
 * C1. Hooks are asked in the order in which they were set; the first that returns an action has taken the request.
 * C2. A hook with `times: n` is gone after n actions.
 */
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

interface Registered {
  readonly api: string | number
  readonly hook: ControlHook
  left: number
}

export class Control {
  #hooks: Registered[] = []

  /** Sets a hook for an API, by name (`'Produce'`) or key; returns what takes it back. */
  on(api: string | number, hook: ControlHook, options: { readonly times?: number | undefined } = {}): () => void {
    const registered: Registered = { api, hook, left: options.times ?? Infinity }
    this.#hooks.push(registered)
    return () => { this.#hooks = this.#hooks.filter(other => other !== registered) }
  }

  /** What is to be done with the request; `undefined`: nothing out of the ordinary. */
  intercept(request: InterceptedRequest): ControlAction | undefined {
    for (const registered of this.#hooks) {
      if (registered.api !== request.apiKey && registered.api !== request.apiName) continue
      const action = registered.hook(request)
      if (action === undefined) continue
      registered.left -= 1
      if (registered.left <= 0) this.#hooks = this.#hooks.filter(other => other !== registered)
      return action
    }
    return undefined
  }
}
