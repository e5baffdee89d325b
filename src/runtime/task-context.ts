/** What the parts of a task's runner on one worker share: the plan, the connections, the settings. Plain references, set once. */
import type { Logger } from '../base/logger.ts'
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import type { GroupIdentity, OffsetEntry } from '../client/types.ts'
import type { Env } from '../env/env.ts'
import type { Guarantee } from '../topology/node.ts'
import type { NativeTaskPlan } from '../topology/plan.ts'
import type { TargetSpec } from '../topology/target.ts'
import type { Failpoints } from './failpoints.ts'
import type { StoreProvider } from './state/store.ts'

export interface TaskSettings {
  readonly guarantee: Guarantee
  readonly commitIntervalMs: number
  /** A task whose input is drained commits at once, but no sooner than this after the begin of the commit before. */
  readonly drainedCommitMs: number
  /** An input at its end for this long no longer holds up the watermark (M3). */
  readonly idleAfterMs: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly lingerMs: number
  readonly batchBytesMax: number
  readonly fetchBytesMax: number
  readonly fetchWaitMs: number
  readonly produceBytesMax: number
  readonly dirtyBytesMax: number
  /** Live objects of one shard. */
  readonly liveBytesMax: number
}

/** The runner's way to the world outside its worker. */
export interface TaskHost {
  /** There is something to do: call `turn` soon. */
  wake(): void
  failed(task: string, error: unknown): void
  /** At least once: the group member on the main thread commits. */
  commitOffsets(task: string, offsets: readonly OffsetEntry[], identity: GroupIdentity): Promise<void>
}

export type ReplaceTarget = (name: string, target: TargetSpec) => TargetSpec

export interface TaskContext {
  readonly env: Env
  readonly logger: Logger
  readonly cluster: Cluster
  readonly admin: Admin
  readonly plan: NativeTaskPlan
  /** Partition count by topic, of everything the task reads, writes and repartitions through. */
  readonly partitions: ReadonlyMap<string, number>
  readonly settings: TaskSettings
  /** Of the process's slot: a shard's state is in `<directory>/<shard key>`. */
  readonly directory: string
  /** Number of the worker within the process. */
  readonly worker: number
  readonly bootId: string
  readonly transactionalId: string
  readonly failpoints: Failpoints
  readonly stores: StoreProvider
  /** Another target instead of the one that a sink (`<app>.<task>.<sink>`) names: for the test driver. */
  readonly targets?: ReplaceTarget | undefined
  readonly host: TaskHost
}
