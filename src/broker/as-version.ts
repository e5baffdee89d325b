/**
 * `--as-version`: the broker as an older Apache Kafka, so that one broker is a whole matrix of tests.
 *
 * One table says the highest version of each API that release had (what `ApiKeys` of its own client library lists), and the feature levels
 * that it finalized when it was set up anew. What is served is the one list of `handlers/index.ts`, capped by it: an API that the release
 * had not is not served, and neither is one that it had switched off by default (ConsumerGroupHeartbeat in 3.9).
 */
import type { Handler } from './handler.ts'

export const KAFKA_VERSIONS = ['2.8', '3.9', '4.1'] as const
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

export interface Feature {
  readonly name: string
  readonly minVersion: number
  /** Supported up to, and finalized at. A level of 0 stays out of the table, as out of the answers of real brokers. */
  readonly level: number
}

interface Release {
  /** Highest version by API key; `undefined`: everything that is served. */
  readonly apis: Readonly<Record<number, number>> | undefined
  readonly features: readonly Feature[]
  /** What `inter.broker.protocol.version` says. */
  readonly protocolVersion: string
}

const RELEASES: Readonly<Record<KafkaVersion, Release>> = {
  '2.8': {
    // Of that release with ZooKeeper, which was how it was run: without DescribeQuorum and without features.
    apis: {
      0: 9, 1: 12, 2: 6, 3: 11, 8: 8, 9: 7, 10: 3, 11: 7, 12: 4, 13: 4, 14: 5, 15: 5, 16: 4, 17: 1, 18: 3, 19: 7, 20: 6, 21: 2, 22: 4, 23: 4, 24: 3, 25: 3, 26: 3, 27: 1, 28: 3,
      29: 2, 30: 2, 31: 2, 32: 4, 33: 2, 34: 2, 35: 2, 36: 2, 37: 3, 38: 2, 39: 2, 40: 2, 41: 2, 42: 2, 43: 2, 44: 1, 45: 0, 46: 0, 47: 0, 48: 1, 49: 1, 50: 0, 51: 0, 57: 0, 60: 0, 61: 0,
    },
    features: [],
    protocolVersion: '2.8-IV1',
  },
  '3.9': {
    apis: {
      0: 11, 1: 17, 2: 9, 3: 12, 8: 9, 9: 9, 10: 6, 11: 9, 12: 4, 13: 5, 14: 5, 15: 5, 16: 5, 17: 1, 18: 4, 19: 7, 20: 6, 21: 2, 22: 5, 23: 4, 24: 5, 25: 4, 26: 4, 27: 1, 28: 4,
      29: 3, 30: 3, 31: 3, 32: 4, 33: 2, 34: 2, 35: 4, 36: 2, 37: 3, 38: 3, 39: 2, 40: 2, 41: 3, 42: 2, 43: 2, 44: 1, 45: 0, 46: 0, 47: 0, 48: 1, 49: 1, 50: 0, 51: 0, 55: 2, 57: 1, 60: 1, 61: 0,
      64: 0, 65: 0, 66: 1, 74: 0, 75: 0,
    },
    features: [{ name: 'metadata.version', minVersion: 1, level: 21 }],
    protocolVersion: '3.9-IV0',
  },
  '4.1': {
    apis: undefined,
    features: [
      { name: 'metadata.version', minVersion: 7, level: 27 },
      { name: 'group.version', minVersion: 0, level: 1 },
      { name: 'transaction.version', minVersion: 0, level: 2 },
    ],
    protocolVersion: '4.1-IV1',
  },
}

/** What of `served` a broker of that release serves. */
export function servedAs(served: readonly Handler[], version: KafkaVersion): readonly Handler[] {
  const { apis } = RELEASES[version]
  if (apis === undefined) return served
  return served.flatMap(handler => {
    const last = apis[handler.api.key]
    return last === undefined || last < handler.versionMin ? [] : [{ ...handler, versionMax: Math.min(last, handler.versionMax) }]
  })
}

export function featuresAs(version: KafkaVersion): readonly Feature[] {
  return RELEASES[version].features
}

export function protocolVersionAs(version: KafkaVersion): string {
  return RELEASES[version].protocolVersion
}

export function kafkaVersionOf(text: string): KafkaVersion | undefined {
  return KAFKA_VERSIONS.find(version => version === text)
}
