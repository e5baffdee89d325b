/**
 * The contract between the operators of a sub-topology, and between them and the engine that runs a shard.
 *
 *   engine ──process──▶ SourceOperator ──▶ operator ──▶ … ──▶ SinkOperator ──send──▶ Output (engine)
 *             │                                │
 *             └─ advance, wallClock, flush     └─ ShardState (live objects) ──freeze──▶ changelog + store (engine)
 *
 * Both sides hold to this:
 *
 * O1. Everything is synchronous, on one stack: `process` returns when the record's effects are in state and `Output`.
 * O2. A record travels as arguments: `key`, `value`, `time` (event time, whole milliseconds, ≥ 0), `origin`. A null key or
 *     a null value on the wire is `undefined` here; JSON's `null` is a value and is passed as `null`.
 * O3. `origin` is one object per shard, overwritten for each record. No operator keeps it; a slice of it that is kept is copied.
 * O4. Operators are single-threaded and never re-entered: the graph has no cycle, and timers fire between records (M2).
 * O5. All state is in `ShardState` and in `clocks()`. After a rollback the engine builds the run anew (`compileSubTopology`)
 *     on the rolled-back state and restores the committed clocks, so operators may keep caches without undoing them.
 * O6. An operator that throws has changed state by half: the engine must roll back to the last commit, then decide (skip, dead letter, fail).
 * O7. `flush` comes right before a freeze, in topological order; only in it may an operator emit what it has held back for the commit.
 *
 * Order within one record: state and outputs of all operators, depth first in the order of declaration; then, where the record moved the
 * watermark, what it makes due: timers and closed windows in topological order.
 */
import type { Header, NodeId } from '../../topology/node.ts'
import type { ShardState } from '../state/shard-state.ts'

export const NO_HEADERS: readonly Header[] = []

/**
 * Stands for the key of a record whose source has not decoded it, because no operator on the way needs it (`takesLateKeys`): user functions that ask for it get
 * it by `Origin.lateKey()`, all others only pass it on.
 */
export const LATE_KEY = Symbol('a key that is decoded when it is asked for')

/** Where the record at hand came from. Reused, see O3. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /**
   * The record's key and value as on the wire, `undefined` where null or where there is no single record behind a call (timers,
   * closed windows, flush). They are those of the record that the engine fed, whatever operators have made of it since: only an operator that the
   * compiler has told that key (value) is untouched on every path to it may use them. May be getters that cut a slice: read them only when needed.
   */
  readonly keyBytes: Buffer | undefined
  readonly valueBytes: Buffer | undefined
  headers(): readonly Header[]
  /** The key that `LATE_KEY` stands for; only while the record is at hand. */
  lateKey(): unknown
}

/** The origin of what no single record caused: a timer, a window that closed, a flush. It carries no headers. */
export const NO_ORIGIN: Origin = { topic: '', partition: -1, offset: -1, keyBytes: undefined, valueBytes: undefined, headers: () => NO_HEADERS, lateKey: () => undefined }

/** A step of a sub-topology. Operators are built from the sinks up: each gets the ones after it in its constructor. */
export abstract class Operator {
  /** Takes one record; calls `process` of the next operators for each result, before it returns. */
  abstract process(key: unknown, value: unknown, time: number, origin: Origin): void

  /** Emits what was held back for the commit (O7). */
  flush(): void {}

  /** Lowest window start of what is held back for the commit; Infinity: nothing is, or it has no order. */
  heldFrom(): number {
    return Infinity
  }

  /** Emits what is held back of windows up to this start. */
  release(_upTo: number): void {}
}

/** An operator with a clock or with work to do as time passes. The compiler registers every one with the run. */
export abstract class TimedOperator extends Operator {
  /** Stable within the sub-topology; names this operator's clock in `SubTopologyRun.clocks()`. */
  abstract readonly name: string
  /** Stream time: the highest time this operator has seen, −1 before the first record. Kept with the commit (a departure from T2). */
  streamTime = -1

  /** The shard's watermark has reached what this operator asked for (`ShardTime.wantWatermark`). Asks anew for what is next. */
  onWatermark(_watermark: number): void {}

  /**
   * The clocks stand where a commit has left them. What was due by this watermark was done in that commit or before: rows of it that a changelog has brought
   * back (it says nothing of what expires) must not be emitted again.
   */
  onRestored(_watermark: number): void {}

  /** The wall clock has reached what this operator asked for (`ShardTime.wantWallClock`). Asks anew for what is next. */
  onWallClock(_nowMs: number): void {}
}

/** The shard's clocks as operators see them. */
export interface ShardTime {
  /** Lowest over the active inputs of highest time seen − disorder; −1 before every active input has had a record. Never goes back. */
  readonly watermark: number
  /** Wall clock, epoch milliseconds. */
  now(): number
  /** Asks for `onWatermark` once the watermark is ≥ `time`. Asking costs one comparison; requests are not counted. */
  wantWatermark(time: number): void
  /** Asks for `onWallClock` once the wall clock is ≥ `atMs`. */
  wantWallClock(atMs: number): void
}

/** Where results leave the shard. Implemented by the engine. */
export interface Output {
  /**
   * Appends one record to `topic` (its name on the cluster). `null` is null on the wire. All bytes and headers are copied before it returns.
   * The partition follows from the key (murmur2 as Java's; null key: the engine's choice), unless given.
   */
  send(topic: string, time: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[], partition?: number): void
  /** The same of ranges, which saves a Buffer for each; a start of −1 is null. */
  append(topic: string, time: number, keyBuffer: Buffer, keyStart: number, keyEnd: number, valueBuffer: Buffer, valueStart: number, valueEnd: number, headers: readonly Header[]): void
}

/** Where rows for targets beside Kafka are held back until the commit. Implemented by the engine. */
export interface Rows {
  /** `sink`: name of the `to`. `origin` is that of one record (TG1), and is read before this returns. */
  add(sink: string, key: unknown, value: unknown, time: number, origin: Origin): void
}

/** For sub-topologies without such targets. */
export const NO_ROWS: Rows = {
  add: sink => { throw new TypeError(`a row for '${sink}', which is no sink of this shard`) },
}

/** A table that every shard of the process reads and none of them writes (J5). Loaded to its end before the first record is processed. */
export interface ReadableTable {
  get(key: unknown): unknown
}

/** Why a record had no effect. Counted, shown on the status page; never silent. */
export type DropReason = 'nullKey' | 'nullValue' | 'late' | 'negativeTime' | 'duplicate'

export interface OperatorCounters {
  dropped(operator: string, reason: DropReason): void
}

/** What the engine gives to `compileSubTopology`, one per shard. */
export interface ShardContext {
  readonly partition: number
  readonly state: ShardState
  readonly output: Output
  readonly rows: Rows
  readonly counters: OperatorCounters
  /** Wall clock, epoch milliseconds. */
  now(): number
  /** By the store name of its node (`GlobalTableNode.store`). */
  globalTable(store: string): ReadableTable
}

/** A head that can run over bytes (see `byte-head.ts`). */
export interface ByteSource {
  readonly reader: {
    /** `false`: the record must be decoded. */
    read(buffer: Buffer, start: number, end: number): boolean
    /** Event time of what was read. Not a whole number: it must be decoded. */
    time(recordTime: number): number
  }
  /** Its `process` gets no value. */
  readonly operator: Operator
}

/** A compiled sub-topology of one shard: what the engine drives. Built by `compileSubTopology`. */
export interface SubTopologyRun {
  /** The operator behind each head node: the engine decodes a record with the node's serdes and calls `process`. Each is an input of the watermark. */
  readonly sources: ReadonlyMap<NodeId, Operator>
  /** The heads whose records may be run over their bytes: in front of `operator`, which takes what `reader` has read, in place of that of `sources`. */
  readonly byteHeads: ReadonlyMap<NodeId, ByteSource>
  readonly watermark: number
  /** Wall-clock time (epoch ms) at which `wallClock` should be called next; Infinity: no need. */
  readonly wallClockDueMs: number
  /** An idle input (all heads of that topic) is left out of the watermark (M3) until its next record. The engine says so when it is at its end for the declared time. */
  setIdle(topic: string, idle: boolean): void
  /** Fires what the watermark allows; true where there was something. Source heads do it after each record by themselves; needed after `setIdle` and after a restore. */
  advance(): boolean
  wallClock(nowMs: number): void
  /** As those of `Operator`, of all operators: for releasing what several shards hold back in one order. */
  heldFrom(): number
  release(upTo: number): void
  /** To be called right before `ShardState.freeze()`. */
  flush(): void
  /** Stream times and watermark, to be kept with the commit (offset metadata, store position): short printable ASCII. */
  clocks(): string
  /** Puts back what `clocks()` gave. Unknown operators are ignored, missing ones start at −1. */
  restoreClocks(clocks: string): void
}
