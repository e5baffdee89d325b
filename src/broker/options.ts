/**
 * What a broker is started with. Every option has a default that is safe on a laptop: loopback only, durable by fsync.
 */
import type { Logger } from '../base/logger.ts'
import type { TlsServerOptions } from '../env/env.ts'
import type { Durability } from '../log/types.ts'
import type { KafkaVersion } from './as-version.ts'
import type { AuthorizerOptions } from './authorization/authorizer.ts'
import type { Control } from './control.ts'
import type { ListenerSettings } from './security/listener-settings.ts'

/** What a power cut may take under `interval`: this much time or this many bytes, whichever is less. */
export const INTERVAL_DEFAULT = { kind: 'interval', ms: 100, bytes: 262_144 } as const

export interface BrokerOptions {
  /** Absolute path; made if absent. One broker holds it at a time. */
  readonly directory: string
  readonly host?: string | undefined
  /** 0 takes a free port. */
  readonly port?: number | undefined
  /** Several addresses, or one with its protocol, instead of `host` and `port`: `[PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL://]HOST:PORT`. */
  readonly listen?: readonly string[] | undefined
  /** Certificate and key of the listeners that speak TLS. */
  readonly tls?: TlsServerOptions | undefined
  /** Who may log in: the path of a file of SCRAM credentials, or passwords by user (kept in memory). Without it there is no SASL. */
  readonly users?: string | Readonly<Record<string, string>> | undefined
  /**
   * Access control. With it a caller may do what an entry (CreateAcls, `kafka-acls`) allows, and super users everything; `allowIfNone`: also what no
   * entry speaks of. Default: on where a listener asks who comes, else off; `false` is off.
   */
  readonly authorization?: false | { readonly superUsers?: readonly string[] | undefined, readonly allowIfNone?: boolean | undefined } | undefined
  /** After this long a client must log in again on its connection (KIP-368, Kafka's `connections.max.reauth.ms`). Default: never. */
  readonly sessionLifetimeMs?: number | undefined
  readonly durability?: 'sync' | 'interval' | 'os' | Durability | undefined
  /** `host:port` that clients are told to connect to, where it is not the address they came by; for several listeners in their order. */
  readonly advertise?: string | readonly string[] | undefined
  readonly logger?: Logger | undefined
  readonly topicDefaults?: { readonly partitions?: number | undefined } | undefined
  readonly autoCreateTopics?: boolean | undefined
  /** How long the first rebalance of an empty group waits for more members. */
  readonly groupInitialRebalanceDelayMs?: number | undefined
  /** The shortest session timeout a member may ask for; Kafka's own default is 6,000. */
  readonly groupMinSessionTimeoutMs?: number | undefined
  /** After how long a member of a consumer group (KIP-848) that says nothing is taken out; Kafka's own default is 45,000. */
  readonly groupConsumerSessionTimeoutMs?: number | undefined
  /** How often members of consumer groups are told to send heartbeats; Kafka's own default is 5,000. */
  readonly groupConsumerHeartbeatIntervalMs?: number | undefined
  /** Serves the APIs, versions and features of this release of Apache Kafka. Default: the newest. */
  readonly asVersion?: KafkaVersion | undefined
  /** Truncates corrupt logs (after copying the bytes aside) where the start would otherwise be refused. */
  readonly acceptDataLoss?: boolean | undefined
  /** Memory for the newest batches of all partitions, so that readers at the tail ask no disk. Default 64 MiB. */
  readonly tailBytesMax?: number | undefined
  readonly control?: Control | undefined
  /** Told while the logs are opened (and recovered after an unclean stop): how many of how many. */
  readonly onOpening?: ((opened: number, partitions: number) => void) | undefined
}

export interface ResolvedOptions {
  readonly directory: string
  readonly listeners: readonly ListenerSettings[]
  /** `undefined`: no access control. */
  readonly authorization: AuthorizerOptions | undefined
  readonly durability: Durability
  readonly partitionsDefault: number
  readonly autoCreateTopics: boolean
  readonly groupInitialRebalanceDelayMs: number
  readonly groupMinSessionTimeoutMs: number
  readonly groupConsumerSessionTimeoutMs: number
  readonly groupConsumerHeartbeatIntervalMs: number
  readonly asVersion: KafkaVersion
  readonly acceptDataLoss: boolean
}

export const NODE_ID = 1
export const FRAME_BYTES_MAX = 100 * 1024 * 1024
