/**
 * A Kafka cluster as seen by one client: bootstrap, metadata, coordinators, features, and requests with retries.
 *
 * C1. A request goes out in the highest version that both sides know, and never in a version the broker did not announce.
 * C2. Transport failures are retried with jittered exponential backoff until the request's deadline; an answer from
 *     the broker is handed to the caller, except for the coordinator and controller errors that only mean "ask elsewhere".
 * C3. Metadata never goes back: an answer with an older leader epoch for the same topic id does not replace a newer one.
 * C4. Requests that may block on the broker (fetch, join) go on a lane, a connection of their own, so that nothing waits behind them.
 */
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import type { BrokerNode, PartitionMeta } from './types.ts'

export interface ClusterOptions {
  /** `host:port,host:port`. */
  readonly bootstrap: string
  readonly clientId?: string | undefined
  readonly logger?: Logger | undefined
  readonly connectTimeoutMs?: number | undefined
  /** How long one attempt may wait for its answer. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a request is retried in all. Default 60,000. */
  readonly deliveryTimeoutMs?: number | undefined
  readonly backoffMinMs?: number | undefined
  readonly backoffMaxMs?: number | undefined
  /** Metadata older than this is asked for again in the background. Default 300,000. */
  readonly metadataAgeMaxMs?: number | undefined
  /** Largest answer accepted; a larger one closes the connection. Default 100 MiB. */
  readonly responseBytesMax?: number | undefined
  /** Ask the broker to create a topic that is asked about and absent. Default false. */
  readonly autoCreateTopics?: boolean | undefined
}

export interface ClusterFeatures {
  /** Finalized `transaction.version`: 2 means transactions v2 (KIP-890). 0 where not finalized. */
  readonly transactionVersion: number
  readonly groupVersion: number
  readonly metadataVersion: number
}

export class Cluster {
  readonly env: Env
  readonly logger: Logger
  readonly clientId: string
  private constructor(env: Env, logger: Logger, clientId: string) {
    this.env = env
    this.logger = logger
    this.clientId = clientId
  }

  /** Rejects with `CONNECTION_FAILED`, naming every address tried. */
  static connect(_env: Env, _options: ClusterOptions): Promise<Cluster> {
    throw new Error('being built')
  }

  get features(): ClusterFeatures { throw new Error('being built') }
  get clusterId(): string { throw new Error('being built') }
  get nodes(): readonly BrokerNode[] { throw new Error('being built') }
  /** From the cache, or asked for. Rejects with `BROKER_ERROR` (detail.kafkaCode 3) where the topic does not exist. */
  partitions(_topic: string): Promise<readonly PartitionMeta[]> { throw new Error('being built') }
  /** From the cache only. */
  partitionsKnown(_topic: string): readonly PartitionMeta[] | undefined { throw new Error('being built') }
  topicId(_topic: string): string | undefined { throw new Error('being built') }
  /** Asks for these topics now (all known ones where left out). */
  refresh(_topics?: readonly string[]): Promise<void> { throw new Error('being built') }
  /** Called after each metadata answer; returns the way to stop. */
  onMetadata(_callback: () => void): () => void { throw new Error('being built') }
  close(): Promise<void> { throw new Error('being built') }
}
