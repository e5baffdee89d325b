/**
 * A connection to a broker that speaks typed requests: after ApiVersions, it knows what the broker serves.
 *
 * V1. No request but ApiVersions is sent before the broker's answer to it, and none in a version that answer lacks.
 * V2. ApiVersions itself goes out in our highest version first; a broker that answers UNSUPPORTED_VERSION (in version 0,
 *     KIP-511) is asked again in version 0.
 * V3. Where a log-in is wanted it is the first thing after that; one with an end is renewed before it, while other requests wait (KIP-368).
 */
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Env, Timer } from '../env/env.ts'
import { saslHandshake } from '../wire/apis/17-sasl-handshake.ts'
import { apiVersions } from '../wire/apis/18-api-versions.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import { decodeResponse, decodeResponseHeader, encodeRequest } from '../wire/frames.ts'
import type { Api, RequestInput, ResponseOf } from '../wire/schema.ts'
import { Connection } from './connection.ts'
import type { ConnectionOptions } from './connection.ts'
import { logIn } from './sasl.ts'
import type { SaslOptions } from './security.ts'

export interface BrokerConnectionOptions extends ConnectionOptions {
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly sasl?: SaslOptions | undefined
}

export interface SendOptions {
  readonly timeoutMs?: number | undefined
  /** A cap below what both sides know: some versions may be used only under conditions. */
  readonly versionMax?: number | undefined
}

interface VersionRange {
  readonly min: number
  readonly max: number
}

/** Finalized features by name, as the broker told at the connect. */
export type FinalizedFeatures = ReadonlyMap<string, number>

export const SOFTWARE_NAME = 'millrace'
export const SOFTWARE_VERSION = '0.1.0'
const TLS_HINT = ' before it answered anything. Is it a TLS port (security.tls in code, security.protocol=SSL or SASL_SSL in a properties file)?'
const CERTIFICATE_HINT = ' before it answered anything. Does it want a client certificate that it accepts (security.tls.cert and key, ssl.keystore.location)?'
const SASL_HINT = ' at the first request. Does it want a log-in (security.sasl in code, security.protocol=SASL_SSL or SASL_PLAINTEXT in a properties file)?'
/** A log-in is renewed when this part of its time is over, and up to `RENEW_SPREAD` more, so that not all clients come at once. */
const RENEW_AFTER = 0.85
const RENEW_SPREAD = 0.1
const UNSUPPORTED_VERSION = errorCode('UNSUPPORTED_VERSION')

export class BrokerConnection {
  readonly connection: Connection
  /** Node id, or -1 for a bootstrap address. */
  readonly nodeId: number
  readonly #env: Env
  readonly #options: BrokerConnectionOptions
  readonly #versions = new Map<number, VersionRange>()
  #features: FinalizedFeatures = new Map()
  #featuresEpoch = -1
  #renewal: Timer | undefined

  private constructor(env: Env, connection: Connection, nodeId: number, options: BrokerConnectionOptions) {
    this.#env = env
    this.connection = connection
    this.nodeId = nodeId
    this.#options = options
  }

  /** Connects, asks for the versions, logs in. Rejects with `CONNECTION_FAILED`, `TLS_FAILED`, `AUTHENTICATION_FAILED`, or what a peer that is no Kafka broker leads to. */
  static async open(env: Env, nodeId: number, options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const connection = await Connection.open(env, options)
    try {
      const broker = new BrokerConnection(env, connection, nodeId, options)
      connection.closeHint = options.tls === undefined ? TLS_HINT : CERTIFICATE_HINT
      await broker.#negotiate()
      connection.closeHint = options.sasl === undefined ? SASL_HINT : ''
      if (options.sasl !== undefined) await broker.#logIn(options.sasl)
      return broker
    } catch (error) {
      connection.close('the versions or the log-in could not be negotiated')
      throw error
    }
  }

  get features(): FinalizedFeatures {
    return this.#features
  }

  get featuresEpoch(): number {
    return this.#featuresEpoch
  }

  /** The highest version of `api` that both sides know, or `undefined` where there is none. */
  versionOf(api: Api, versionMax: number = Infinity): number | undefined {
    const served = this.#versions.get(api.key)
    if (served === undefined) return undefined
    const version = Math.min(api.versionMax, served.max, versionMax)
    return version >= Math.max(api.versionMin, served.min) ? version : undefined
  }

  /** Rejects with `VERSION_UNSUPPORTED`, `TIMEOUT`, `CONNECTION_CLOSED`, `FRAME_MALFORMED`. */
  async request<A extends Api>(api: A, body: RequestInput<A>, options: SendOptions = {}): Promise<ResponseOf<A>> {
    const version = this.requiredVersion(api, options.versionMax)
    return this.requestAt(api, version, body, options.timeoutMs)
  }

  async requestAt<A extends Api>(api: A, version: number, body: RequestInput<A>, timeoutMs: number = this.#options.requestTimeoutMs): Promise<ResponseOf<A>> {
    const frame = await this.#exchange(api, version, body, timeoutMs)
    if (api !== apiVersions) this.connection.closeHint = ''
    return this.#decode(api, version, frame)
  }

  /** Sends a request that gets no answer; resolves when the socket takes more. */
  post<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<void> {
    const correlationId = this.connection.nextCorrelationId()
    return this.connection.post(encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, body))
  }

  requiredVersion(api: Api, versionMax?: number): number {
    const version = this.versionOf(api, versionMax)
    if (version !== undefined) return version
    const served = this.#versions.get(api.key)
    throw new MillraceError('VERSION_UNSUPPORTED', `${this.connection.address} does not serve ${api.name} in a version that is known here `
      + `(v${api.versionMin} to v${api.versionMax}${versionMax === undefined ? '' : `, capped at v${versionMax}`}); it serves ${served === undefined ? 'none' : `v${served.min} to v${served.max}`}. Use Apache Kafka 2.1 or newer.`)
  }

  #exchange<A extends Api>(api: A, version: number, body: RequestInput<A>, timeoutMs: number, isUrgent: boolean = false): Promise<Buffer> {
    const correlationId = this.connection.nextCorrelationId()
    return this.connection.exchange(encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, body), correlationId, timeoutMs, isUrgent)
  }

  /** V3. */
  async #logIn(sasl: SaslOptions): Promise<void> {
    const { connection } = this
    const lifetimeMs = await logIn({
      address: connection.address, random: this.#env.random,
      ask: async (api, body) => {
        // A handshake in version 0 has tokens without a header behind it.
        const version = api.key === saslHandshake.key ? this.#handshakeVersion() : this.requiredVersion(api)
        return this.#decode(api, version, await this.#exchange(api, version, body, this.#options.requestTimeoutMs, true))
      },
    }, sasl)
    if (lifetimeMs <= 0 || connection.closed) return
    const delayMs = lifetimeMs * (RENEW_AFTER + RENEW_SPREAD * this.#env.random.next())
    this.#renewal?.cancel()
    this.#renewal = this.#env.clock.setTimer(() => void this.#renew(sasl), delayMs, { background: true })
  }

  #handshakeVersion(): number {
    const version = this.requiredVersion(saslHandshake)
    if (version === 0) throw new MillraceError('VERSION_UNSUPPORTED', `${this.connection.address} serves SaslHandshake v0 alone, and v1 is known here. Use Apache Kafka 2.1 or newer.`)
    return version
  }

  async #renew(sasl: SaslOptions): Promise<void> {
    if (this.connection.closed) return
    this.connection.hold()
    try {
      await this.#logIn(sasl)
      this.connection.release()
    } catch (error) {
      // The next connection says the same to whoever asks for it, where it is still so.
      this.connection.close(`the log-in could not be renewed: ${messageOf(error)}`)
    }
  }

  #decode<A extends Api>(api: A, version: number, frame: Buffer): ResponseOf<A> {
    try {
      return decodeResponse(api, version, decodeResponseHeader(frame).reader)
    } catch (error) {
      // Our table and the broker's disagree: nothing else on this connection can be trusted.
      this.connection.close(`an answer to ${api.name} v${version} could not be read`)
      throw error
    }
  }

  async #negotiate(): Promise<void> {
    const body = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: SOFTWARE_VERSION }
    const version = apiVersions.versionMax
    const frame = await this.#exchange(apiVersions, version, body, this.#options.connectTimeoutMs)
    const refused = frame.length >= 6 && frame.readInt16BE(4) === UNSUPPORTED_VERSION
    const answer = refused
      ? await this.requestAt(apiVersions, 0, body, this.#options.connectTimeoutMs)
      : this.#decode(apiVersions, version, frame)
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `ApiVersions at ${this.connection.address}`)
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) this.#versions.set(apiKey, { min: minVersion, max: maxVersion })
    this.#features = new Map(answer.finalizedFeatures.map(feature => [feature.name, feature.maxVersionLevel]))
    this.#featuresEpoch = answer.finalizedFeaturesEpoch
  }
}
