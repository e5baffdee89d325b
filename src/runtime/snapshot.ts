/**
 * What one process of an app tells about itself once a second: a record of the topic `__millrace.metrics`.
 *
 * M1. Key: `<app>/<slot>/<pid>`. Value: this object as JSON. The topic has one partition and keeps an hour.
 * M2. Counters are totals since the process started, so a reader that missed some still gets rates right.
 */
export const METRICS_TOPIC = '__millrace.metrics'
export const METRICS_RETENTION_MS = 3_600_000
export const METRICS_INTERVAL_MS = 1000

export type TaskState = 'starting' | 'restoring' | 'running' | 'rebalancing' | 'failed' | 'stopped'

/** Totals of one shard since it is here. */
export interface ShardLoad {
  /** `<sub-topology>_<partition>`. */
  readonly shard: string
  /** Number of the worker that runs it. */
  readonly worker: number
  /** Records taken. */
  readonly in: number
  /** Milliseconds spent on them, on the worker's thread. */
  readonly busyMs: number
  /** Its inputs. */
  readonly topics: readonly string[]
  /** Offsets, summed over its inputs: of the next record to take, and the last stable ones as far as its fetches have told. Their difference is its lag. */
  readonly position: number
  readonly end: number
}

/** What a task did with a worker's time since the start, in milliseconds (task-times.ts). */
export interface TaskTimes {
  readonly worker: number
  readonly busyMs: number
  /** Held up by a commit under way. */
  readonly commitMs: number
  /** Held up because the broker has not taken its output. */
  readonly outputMs: number
  /** Waited for records that the broker had. */
  readonly fetchMs: number
  /** Nothing to do. */
  readonly idleMs: number
}

export interface TaskSnapshot {
  readonly task: string
  readonly state: TaskState
  /** `<sub-topology>/<partition>` of each shard this process runs. */
  readonly shards: readonly string[]
  /** Records read and written, committed or not, since the start. */
  readonly in: number
  readonly out: number
  readonly errors: number
  readonly skipped: number
  readonly deadLettered: number
  readonly commits: number
  /** Milliseconds from freeze to the EndTxn answer over the last minute; 0 without commits. */
  readonly commitMsP50: number
  readonly commitMsP99: number
  /** Records between what was processed and the last stable offset, over the shards' inputs. */
  readonly lag: number
  /** Age of the oldest record that waits, in seconds. */
  readonly lagSeconds?: number | undefined
  /** Records that had no effect, by `<operator>: <reason>`. */
  readonly dropped?: Readonly<Record<string, number>> | undefined
  /** Progress of a restore under way, in changelog offsets. */
  readonly restore: { readonly done: number; readonly total: number } | null
  /** The last restore that ended: how many changelog records were replayed, and how long it took. */
  readonly restored: { readonly records: number; readonly ms: number } | null
  readonly lastError: string | null
  /** Of the shards that run; a process of an older version tells none. */
  readonly loads?: readonly ShardLoad[] | undefined
  /** Of each worker. */
  readonly times?: readonly TaskTimes[] | undefined
}

export interface ProcessSnapshot {
  /** Epoch milliseconds. */
  readonly at: number
  readonly app: string
  /** The record's key. */
  readonly process: string
  readonly pid: number
  readonly slot: number
  /** Epoch milliseconds. */
  readonly started: number
  readonly guarantee: 'exactlyOnce' | 'atLeastOnce'
  readonly tasks: readonly TaskSnapshot[]
}

export function encodeSnapshot(snapshot: ProcessSnapshot): Buffer {
  return Buffer.from(JSON.stringify(snapshot))
}

/** `undefined` for what is no snapshot: another version's, or not ours. */
export function decodeSnapshot(value: Buffer): ProcessSnapshot | undefined {
  try {
    const parsed: unknown = JSON.parse(value.toString())
    if (typeof parsed !== 'object' || parsed === null || !('tasks' in parsed) || !Array.isArray(parsed.tasks) || !('at' in parsed) || typeof parsed.at !== 'number') return undefined
    // The fields checked are the ones every version has; the rest is read as data and shown as it is.
    return parsed as ProcessSnapshot
  } catch {
    return undefined
  }
}
