/**
 * A connection to a broker that speaks typed requests: after ApiVersions, it knows what the broker serves.
 *
 * V1. No request but ApiVersions is sent before the broker's answer to it, and none in a version that answer lacks.
 * V2. ApiVersions itself goes out in our highest version first; a broker that answers UNSUPPORTED_VERSION (in version 0,
 *     KIP-511) is asked again in version 0.
 */
import { MillraceError } from '../base/errors.ts'
import type { Env } from '../env/env.ts'
import { apiVersions } from '../wire/apis/18-api-versions.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import { decodeResponse, decodeResponseHeader, encodeRequest } from '../wire/frames.ts'
import type { Api, RequestInput, ResponseOf } from '../wire/schema.ts'
import { Connection } from './connection.ts'
import type { ConnectionOptions } from './connection.ts'

export interface BrokerConnectionOptions extends ConnectionOptions {
  readonly clientId: string
  readonly requestTimeoutMs: number
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
const UNSUPPORTED_VERSION = errorCode('UNSUPPORTED_VERSION')

export class BrokerConnection {
  readonly connection: Connection
  /** Node id, or -1 for a bootstrap address. */
  readonly nodeId: number
  readonly #options: BrokerConnectionOptions
  readonly #versions = new Map<number, VersionRange>()
  #features: FinalizedFeatures = new Map()
  #featuresEpoch = -1

  private constructor(connection: Connection, nodeId: number, options: BrokerConnectionOptions) {
    this.connection = connection
    this.nodeId = nodeId
    this.#options = options
  }

  /** Connects and asks for the versions. Rejects with `CONNECTION_FAILED`, or what a peer that is no Kafka broker leads to. */
  static async open(env: Env, nodeId: number, options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const connection = await Connection.open(env, options)
    try {
      const broker = new BrokerConnection(connection, nodeId, options)
      await broker.#negotiate()
      return broker
    } catch (error) {
      connection.close('the versions could not be negotiated')
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

  #exchange<A extends Api>(api: A, version: number, body: RequestInput<A>, timeoutMs: number): Promise<Buffer> {
    const correlationId = this.connection.nextCorrelationId()
    return this.connection.exchange(encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, body), correlationId, timeoutMs)
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
