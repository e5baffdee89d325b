/**
 * What is compared: a case is one job over one input under one set of settings, the same for every contender.
 *
 * C1. What a case fixes, nobody changes: partitions, compression, acks=all, idempotence, guarantee, commit interval, number of threads, cores.
 * C2. A case's input follows from its settings and the seed alone, so any two runs of it, on any day, read the same records.
 */
/** Of Nexmark, those that are here: bench/reader/Nexmark.java says what each means. */
export const QUERIES = ['q0', 'q1', 'q2', 'q3', 'q7', 'q8', 'q11', 'q17', 'q18', 'q20', 'q22'] as const
export type Query = typeof QUERIES[number]
export type JobName = 'rekey' | 'count' | 'sessions' | 'join' | Query

export interface Case {
  /** Names it in files and in `--cases`. */
  readonly id: string
  readonly job: JobName
  readonly records: number
  readonly valueBytes: number
  readonly keys: number
  /** Exponent of the keys' Zipf distribution; 0 is uniform. */
  readonly zipfExponent: number
  readonly partitions: number
  /** Stream threads, parallelism, worker threads: as each engine calls them. */
  readonly threads: number
  readonly commitMs: number
  readonly compression: 'none'
  readonly guarantee: 'exactly-once' | 'at-least-once'
  /** `apart`: the broker on core 0, the job on core 1. */
  readonly cores: 'shared' | 'apart'
  /** How long after a window's end its `final` row leaves. Partitions that lie further apart in catch-up lose records, which the gate shows. */
  readonly finalGraceMs: number
  /** Share of the input that is read before the clock starts. */
  readonly warmUpShare: number
}

export const SEED = 20_261_123
/** Event time that an input spans, evenly: 40 windows of a minute, whatever its length. Of each 20 records one is up to `DISORDER_MS` older than its place says. */
export const SPAN_MS = 2_400_000
export const DISORDER_MS = 1_500
/** A shopper's session ends after a minute without an event. */
export const SESSION_GAP_MS = 60_000
export const DISORDERED_ONE_IN = 20
/** The items of the events that move event time past the last window and its grace begin so. */
export const CLOSING_ITEM = '~close'
/** After the last event, and after any grace. */
export const CLOSING_AFTER_MS = 3_600_000
/** Fewer than this and a partition may be read whole before another: then grace is the whole input (`shortened`). */
const RECORDS_SHORT = 1_000_000

const BASE = { valueBytes: 100, keys: 2_500, zipfExponent: 1, partitions: 4, threads: 2, commitMs: 1_000, compression: 'none', guarantee: 'exactly-once', cores: 'shared', finalGraceMs: 600_000, warmUpShare: 0.4 } as const

/** Those of `npm run bench`, the most asked for first. */
export const FULL: readonly Case[] = [
  { ...BASE, id: 'rekey-100', job: 'rekey', records: 4_000_000 },
  { ...BASE, id: 'count-2500', job: 'count', records: 4_000_000 },
  { ...BASE, id: 'sessions', job: 'sessions', records: 4_000_000 },
  { ...BASE, id: 'join', job: 'join', records: 4_000_000 },
  ...QUERIES.map(query => ({ ...BASE, id: `nexmark-${query}`, job: query, records: 2_000_000, finalGraceMs: 1_200_000 })),
  { ...BASE, id: 'rekey-1k', job: 'rekey', records: 1_500_000, valueBytes: 1_024 },
  { ...BASE, id: 'count-1m', job: 'count', records: 4_000_000, keys: 1_000_000, zipfExponent: 0 },
  { ...BASE, id: 'rekey-100-apart', job: 'rekey', records: 4_000_000, cores: 'apart', threads: 1 },
  { ...BASE, id: 'count-2500-apart', job: 'count', records: 4_000_000, cores: 'apart', threads: 1 },
  { ...BASE, id: 'rekey-100-commit-100', job: 'rekey', records: 4_000_000, commitMs: 100 },
  { ...BASE, id: 'count-2500-commit-100', job: 'count', records: 4_000_000, commitMs: 100 },
  { ...BASE, id: 'rekey-100-commit-10000', job: 'rekey', records: 20_000_000, commitMs: 10_000 },
  { ...BASE, id: 'count-2500-commit-10000', job: 'count', records: 20_000_000, commitMs: 10_000 },
  { ...BASE, id: 'rekey-100-at-least-once', job: 'rekey', records: 4_000_000, guarantee: 'at-least-once' },
  { ...BASE, id: 'count-2500-at-least-once', job: 'count', records: 4_000_000, guarantee: 'at-least-once' },
]

/** Those of `npm run bench:quick`: two jobs, small. The shorter the input, the larger a part of it are the partitions apart. */
const SHORT = { commitMs: 200, finalGraceMs: 1_200_000, warmUpShare: 0.2 } as const
export const QUICK: readonly Case[] = [
  { ...BASE, id: 'rekey-100', job: 'rekey', records: 1_000_000, ...SHORT },
  { ...BASE, id: 'count-2500', job: 'count', records: 1_000_000, ...SHORT },
]

/**
 * Those of `npm run bench -- --headline`: the two jobs most asked for, exactly once, sized for twenty minutes on a quiet machine. Commits are as often as the windows
 * of so little input ask for; final rows wait for half of the input (within a second of the start
 * its partitions can be a third of it apart), so that a count's window is a fifth of it.
 */
const HEAD = { commitMs: 200, finalGraceMs: 1_200_000, warmUpShare: 0.3 } as const
export const HEADLINE: readonly Case[] = [{ ...BASE, id: 'rekey-100', job: 'rekey', ...HEAD, records: 6_000_000 }, { ...BASE, id: 'count-2500', job: 'count', ...HEAD, records: 10_000_000 }]

/** The query, of a case of Nexmark. */
export function queryOf({ job }: Case): Query | undefined {
  return QUERIES.find(query => query === job)
}

/** A case with another number of records. */
export function shortened(one: Case, records: number): Case {
  return { ...one, records, finalGraceMs: records < RECORDS_SHORT ? SPAN_MS : one.finalGraceMs }
}

/** The input that a contender with `share` of it reads. */
export function recordsOf(one: Case, share: number): number {
  return Math.max(1_000, Math.round(one.records * share / 1_000) * 1_000)
}
