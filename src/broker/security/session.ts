/**
 * Who is at the other end of a connection, and whether that has been proven.
 *
 *   new ──SaslHandshake──▶ choosing is done ──SaslAuthenticate …──▶ authenticated ──lifetime over──▶ expired: only SASL again (KIP-368)
 *    │                                      └─ wrong ─▶ failed: one answer, then the connection is closed
 *    └─ a listener without SASL: authenticated at once, by certificate or as User:ANONYMOUS
 *
 * S1. Before it is authenticated a connection gets ApiVersions and SASL, nothing else.
 * S2. A failed log-in is answered late and ends the connection; what was wrong is not told more closely.
 * S3. Logging in again on a connection is for the same user with the same mechanism.
 */
import { messageOf, MillraceError } from '../../base/errors.ts'
import type { Env, SocketTls } from '../../env/env.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { ScramServer } from '../../wire/scram.ts'
import type { ScramMechanism } from '../../wire/scram.ts'
import type { ListenerSettings, SaslMechanism } from './listener-settings.ts'
import type { Users } from './users.ts'

export const ANONYMOUS = 'User:ANONYMOUS'
const SASL_HANDSHAKE = 17
const API_VERSIONS = 18
const SASL_AUTHENTICATE = 36
/** Kafka's `connection.failed.authentication.delay.ms` is 100; a random part more hides how long the check took. */
const FAILED_DELAY_MS = 100

export interface SessionOptions {
  readonly env: Env
  readonly users: Users
  readonly listener: ListenerSettings
  readonly tls: SocketTls | undefined
  /** 0: a log-in holds as long as its connection. */
  readonly lifetimeMs: number
}

export interface AuthenticateAnswer {
  readonly error: KafkaErrorName
  readonly message: string | null
  readonly bytes: Buffer
  readonly lifetimeMs: number
}

interface Exchange {
  readonly mechanism: SaslMechanism
  /** SaslHandshake v0: tokens come as bare frames. */
  readonly isRaw: boolean
  scram: ScramServer | undefined
  busy: boolean
}

interface LoggedIn {
  readonly principal: string
  readonly mechanism: SaslMechanism | undefined
  /** On the monotonic clock. */
  readonly until: number
}

export class Session {
  readonly #options: SessionOptions
  #loggedIn: LoggedIn | undefined
  #exchange: Exchange | undefined
  #failed = false

  constructor(options: SessionOptions) {
    this.#options = options
    const { listener, tls } = options
    if (listener.mechanisms.length === 0) this.#loggedIn = { principal: tls?.peerName === undefined ? ANONYMOUS : `User:${tls.peerName}`, mechanism: undefined, until: Infinity }
  }

  get listener(): ListenerSettings {
    return this.#options.listener
  }

  get tls(): SocketTls | undefined {
    return this.#options.tls
  }

  /** `User:alice`; `User:ANONYMOUS` while nothing is proven. */
  get principal(): string {
    return this.#loggedIn?.principal ?? ANONYMOUS
  }

  get isAuthenticated(): boolean {
    return this.#loggedIn !== undefined
  }

  /** The connection ends behind the answer that is under way. */
  get hasFailed(): boolean {
    return this.#failed
  }

  /** The next frame is a token without Kafka's header. */
  get takesRawToken(): boolean {
    return this.#exchange?.isRaw ?? false
  }

  /** Why the request is not served now; `undefined`: it is. */
  refusal(apiKey: number): string | undefined {
    if (this.#failed) return 'its log-in failed'
    if (apiKey === API_VERSIONS || apiKey === SASL_HANDSHAKE || apiKey === SASL_AUTHENTICATE) return undefined
    if (this.#loggedIn === undefined) return `it has not logged in, as ${this.listener.protocol} wants`
    if (this.#exchange !== undefined) return 'it began to log in again, and something else came in between'
    return this.#loggedIn.until > this.#options.env.clock.monotonic() ? undefined : 'its log-in has expired and was not renewed (KIP-368)'
  }

  handshake(mechanism: string, version: number): KafkaErrorName {
    const { mechanisms } = this.listener
    if (mechanisms.length === 0 || (this.#exchange !== undefined)) return 'ILLEGAL_SASL_STATE'
    const chosen = mechanisms.find(each => each === mechanism)
    if (chosen === undefined) {
      this.#failed = true
      return 'UNSUPPORTED_SASL_MECHANISM'
    }
    if (this.#loggedIn !== undefined && this.#loggedIn.mechanism !== chosen) {
      this.#failed = true
      return 'SASL_AUTHENTICATION_FAILED'
    }
    this.#exchange = { mechanism: chosen, isRaw: version === 0, scram: undefined, busy: false }
    return 'NONE'
  }

  /** One token in, one out. */
  async authenticate(token: Buffer): Promise<AuthenticateAnswer> {
    const exchange = this.#exchange
    if (exchange === undefined) return { error: 'ILLEGAL_SASL_STATE', message: 'SaslAuthenticate comes after SaslHandshake, on a listener with SASL.', bytes: Buffer.alloc(0), lifetimeMs: 0 }
    try {
      if (exchange.busy) throw new MillraceError('AUTHENTICATION_FAILED', 'a token came before the answer to the one before')
      exchange.busy = true
      const { bytes, user } = exchange.mechanism === 'PLAIN' ? await this.#plain(token) : await this.#scram(exchange, exchange.mechanism, token)
      exchange.busy = false
      return { error: 'NONE', message: null, bytes, lifetimeMs: user === undefined ? 0 : this.#logIn(exchange, user) }
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'AUTHENTICATION_FAILED')) throw error
      this.#failed = true
      this.#exchange = undefined
      const { clock, random } = this.#options.env
      await clock.sleep(FAILED_DELAY_MS * (1 + random.next()))
      return { error: 'SASL_AUTHENTICATION_FAILED', message: `Authentication failed with ${exchange.mechanism}: ${messageOf(error)}`, bytes: Buffer.alloc(0), lifetimeMs: 0 }
    }
  }

  #logIn({ mechanism }: Exchange, user: string): number {
    const principal = `User:${user}`
    // S3.
    if (this.#loggedIn !== undefined && this.#loggedIn.principal !== principal) throw new MillraceError('AUTHENTICATION_FAILED', 'a connection cannot change its user')
    const { lifetimeMs, env } = this.#options
    this.#loggedIn = { principal, mechanism, until: lifetimeMs === 0 ? Infinity : env.clock.monotonic() + lifetimeMs }
    this.#exchange = undefined
    return lifetimeMs
  }

  /** RFC 4616: [authorization id] NUL user NUL password. */
  async #plain(token: Buffer): Promise<{ bytes: Buffer, user: string | undefined }> {
    const parts = token.toString('utf8').split('\0')
    const [authorizationId = '', user = '', password = ''] = parts
    if (parts.length !== 3 || user === '' || password === '') throw new MillraceError('AUTHENTICATION_FAILED', 'the token is not of PLAIN')
    if (authorizationId !== '' && authorizationId !== user) throw new MillraceError('AUTHENTICATION_FAILED', 'the authorization id is not the user')
    if (!await this.#options.users.isPassword(user, password)) throw new MillraceError('AUTHENTICATION_FAILED', 'wrong user or password')
    return { bytes: Buffer.alloc(0), user }
  }

  async #scram(exchange: Exchange, mechanism: ScramMechanism, token: Buffer): Promise<{ bytes: Buffer, user: string | undefined }> {
    const { users, env } = this.#options
    const text = token.toString('utf8')
    if (exchange.scram !== undefined) {
      const final = exchange.scram.final(text)
      return { bytes: Buffer.from(final), user: exchange.scram.username }
    }
    const named = /(?:^|,)n=([^,]*)/.exec(text.replace(/^[^,]*,[^,]*,/, ''))?.[1] ?? ''
    const decoySalt = await users.decoySalt(named)
    exchange.scram = new ScramServer({ mechanism, nonce: env.random.bytes(24).toString('base64'), find: name => users.find(name, mechanism), decoySalt: () => decoySalt })
    return { bytes: Buffer.from(exchange.scram.first(text)), user: undefined }
  }
}

