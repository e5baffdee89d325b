/**
 * Who runs: each contender is a command that reads its setting from the environment (`BENCH_…`, see bench/README.md), in one of two leagues.
 *
 * N1. Idiomatic is what an engine's guide teaches; tuned is what its experts would write. A ratio is only taken within a league.
 * N2. A slow rival gets a prefix of the input, so that a round of it ends; its `share` is printed beside its figures.
 * N3. `updates`: a row again as its count grows, grace a day. `watermark`: once, when the watermark has passed, which every partition holds back. `final`: once, a
 *     case's `finalGraceMs` of event time after its end; in catch-up partitions are minutes apart, so the closing events may only come once everything is read.
 * N4. kafkats' windows have no grace: read from several partitions that lie minutes apart, a window that was taken for over begins again from nothing, and its counts
 *     come out too small (767 of 1,072 windows of 2,000 events). So it takes no part in `count`; nor in `join`, where its
 *     table is not complete before the stream is joined with it (50 of 1,785 rows).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type JobName, QUERIES } from './case.ts'

export type League = 'idiomatic' | 'tuned'
export type JavaKind = 'kafka-streams' | 'flink' | 'spark'

export interface Contender {
  readonly name: string
  readonly title: string
  /** Whose contenders they are; the results must have one of each engine. */
  readonly engine: 'Millrace' | 'Kafka Streams' | 'Flink' | 'Spark' | 'kafkats'
  readonly league: League
  readonly jobs: readonly JobName[]
  readonly share: number
  /** How it emits the rows of `count` (N3); those of `sessions` leave once, when the session is over, from everyone. */
  readonly emission: 'updates' | 'watermark' | 'final'
  readonly state: 'memory' | 'rocksdb' | 'lmdb'
  /** In a headline run: its share of the input. Those without one take no part. */
  readonly headline?: number
  /** Jobs that it does in a quick run. */
  readonly quick: readonly JobName[]
  readonly program:
    | { readonly kind: 'java', readonly of: JavaKind, readonly mainClass: string, readonly args: readonly string[], readonly heap: string }
    | { readonly kind: 'npm', readonly script: string, readonly args: readonly string[] }
    | { readonly kind: 'millrace', readonly app: string }
}

const both: readonly JobName[] = ['rekey', 'count']
const all: readonly JobName[] = ['rekey', 'count', 'sessions', 'join']
const java = (of: JavaKind, mainClass: string, ...args: string[]) => ({ kind: 'java', of, mainClass, args, heap: '2g' }) as const

const ALL: readonly Contender[] = [
  { name: 'millrace-closures', title: 'Millrace, closures', engine: 'Millrace', league: 'idiomatic', jobs: all, share: 1, emission: 'final', state: 'lmdb', headline: 1, quick: both, program: { kind: 'millrace', app: 'contenders/millrace/closures.js' } },
  { name: 'millrace-closures-updates', title: 'Millrace, closures, updates', engine: 'Millrace', league: 'idiomatic', jobs: ['count'], share: 1, emission: 'updates', state: 'lmdb', quick: [], program: { kind: 'millrace', app: 'contenders/millrace/closures.js' } },
  { name: 'millrace-declared', title: 'Millrace, declared expressions', engine: 'Millrace', league: 'tuned', jobs: all, share: 1, emission: 'final', state: 'lmdb', headline: 1, quick: both, program: { kind: 'millrace', app: 'contenders/millrace/declared.js' } },
  { name: 'streams-idiomatic', title: 'Kafka Streams, Jackson', engine: 'Kafka Streams', league: 'idiomatic', jobs: all, share: 0.5, emission: 'updates', state: 'rocksdb', headline: 0.25, quick: [], program: java('kafka-streams', 'StreamsIdiomatic') },
  { name: 'streams-tuned', title: 'Kafka Streams, scanner, memory', engine: 'Kafka Streams', league: 'tuned', jobs: all, share: 1, emission: 'updates', state: 'memory', headline: 1, quick: both, program: java('kafka-streams', 'StreamsTuned') },
  { name: 'streams-tuned-final', title: 'Kafka Streams, scanner, memory, final', engine: 'Kafka Streams', league: 'tuned', jobs: ['count'], share: 1, emission: 'final', state: 'memory', quick: [], program: java('kafka-streams', 'StreamsTuned') },
  { name: 'streams-tuned-rocksdb', title: 'Kafka Streams, scanner, RocksDB', engine: 'Kafka Streams', league: 'tuned', jobs: ['count'], share: 1, emission: 'updates', state: 'rocksdb', quick: [], program: java('kafka-streams', 'StreamsTuned') },
  { name: 'flink-idiomatic', title: 'Flink, POJOs', engine: 'Flink', league: 'idiomatic', jobs: all, share: 0.5, emission: 'watermark', state: 'memory', headline: 0.25, quick: [], program: java('flink', 'FlinkIdiomatic') },
  { name: 'flink-tuned', title: 'Flink, scanner, heap', engine: 'Flink', league: 'tuned', jobs: all, share: 1, emission: 'watermark', state: 'memory', headline: 1, quick: both, program: java('flink', 'FlinkTuned') },
  { name: 'flink-tuned-rocksdb', title: 'Flink, scanner, RocksDB', engine: 'Flink', league: 'tuned', jobs: ['count'], share: 1, emission: 'watermark', state: 'rocksdb', quick: [], program: java('flink', 'FlinkTuned') },
  { name: 'flink-sql', title: 'Flink SQL, mini-batch', engine: 'Flink', league: 'tuned', jobs: ['count'], share: 0.5, emission: 'updates', state: 'memory', quick: [], program: java('flink', 'FlinkSql') },
  { name: 'spark-idiomatic', title: 'Spark, whole schema', engine: 'Spark', league: 'idiomatic', jobs: all, share: 0.25, emission: 'updates', state: 'memory', quick: [], program: java('spark', 'SparkJob', 'idiomatic') },
  { name: 'spark-tuned', title: 'Spark, narrow schema', engine: 'Spark', league: 'tuned', jobs: all, share: 0.5, emission: 'updates', state: 'memory', quick: [], program: java('spark', 'SparkJob', 'tuned') },
  { name: 'kafkats-idiomatic', title: 'kafkats flow', engine: 'kafkats', league: 'idiomatic', jobs: ['rekey'], share: 0.01, emission: 'updates', state: 'memory', quick: [], program: { kind: 'npm', script: 'contenders/npm/flow.mjs', args: ['idiomatic'] } },
  { name: 'kafkats-tuned', title: 'kafkats flow, larger fetches', engine: 'kafkats', league: 'tuned', jobs: ['rekey'], share: 0.01, emission: 'updates', state: 'memory', quick: [], program: { kind: 'npm', script: 'contenders/npm/flow.mjs', args: ['tuned'] } },
  { name: 'millrace-nexmark', title: 'Millrace', engine: 'Millrace', league: 'idiomatic', jobs: QUERIES, share: 1, emission: 'final', state: 'lmdb', quick: [], program: { kind: 'millrace', app: 'contenders/millrace/nexmark.js' } },
  { name: 'flink-nexmark', title: 'Flink SQL, mini-batch', engine: 'Flink', league: 'tuned', jobs: QUERIES, share: 1, emission: 'watermark', state: 'memory', quick: [], program: java('flink', 'NexmarkSql') },
]

/** Those whose program is in this checkout. */
export function contenders(benchDist: string): readonly Contender[] {
  return ALL.filter(({ program }) => program.kind !== 'millrace' || existsSync(join(benchDist, program.app)))
}

/** What results must have to count as a comparison: an engine of each kind, in each league that it has; in a headline run those that have a part in it. */
export function required(job: JobName, isHeadline = false): readonly { readonly engine: Contender['engine'], readonly league: League }[] {
  const pairs = ALL.filter(each => each.jobs.includes(job) && each.engine !== 'Millrace' && (!isHeadline || each.headline !== undefined)).map(({ engine, league }) => ({ engine, league }))
  return [...new Map(pairs.map(pair => [`${pair.engine} ${pair.league}`, pair])).values(), { engine: 'Millrace', league: 'idiomatic' }]
}
