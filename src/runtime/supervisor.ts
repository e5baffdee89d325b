/**
 * Runs a task that is another operating-system process, in any language: starts its instances, starts them again when they end, stops them cleanly.
 *
 * The process is told by its environment what it is part of: MILLRACE_BOOTSTRAP, MILLRACE_GROUP (its consumer group), MILLRACE_READS and
 * MILLRACE_WRITES (topic names, comma between), MILLRACE_INSTANCE (0, 1 …).
 *
 * U1. An instance that ends, however it ends, is started again after a pause that doubles from 0.5 s to 30 s, and is 0.5 s again after it ran for 30 s.
 * U2. `close`: SIGTERM, and SIGKILL to what is left after `STOP_MS`.
 */
import { printable } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Env, Timer } from '../env/env.ts'
import type { Child, ChildEnd, ChildOptions } from '../env/real/processes.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { TaskSnapshot } from './snapshot.ts'

const PAUSE_MS_MIN = 500
const PAUSE_MS_MAX = 30_000
const STEADY_MS = 30_000
const STOP_MS = 10_000

export interface SupervisorOptions {
  readonly env: Env
  readonly logger: Logger
  readonly plan: ForeignTaskPlan
  readonly bootstrap: string
  readonly startChild: (options: ChildOptions) => Child
}

interface Instance {
  readonly number: number
  child: Child | undefined
  pauseMs: number
  timer: Timer | undefined
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #logger: Logger
  readonly #instances: Instance[] = []
  #closed = false
  #ends = 0
  #lastProblem: string | null = null

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#logger = options.logger.child({ task: options.plan.name })
  }

  start(): void {
    for (let number = 0; number < this.#options.plan.on.instances; number++) {
      const instance: Instance = { number, child: undefined, pauseMs: PAUSE_MS_MIN, timer: undefined }
      this.#instances.push(instance)
      this.#launch(instance)
    }
  }

  /** Process ids of the instances that run. */
  get pids(): number[] {
    return this.#instances.flatMap(instance => instance.child === undefined || instance.child.pid < 0 ? [] : [instance.child.pid])
  }

  report(): TaskSnapshot {
    const up = this.pids.length
    return {
      task: this.#options.plan.name, state: this.#closed ? 'stopped' : up === this.#instances.length ? 'running' : up > 0 ? 'rebalancing' : 'starting',
      shards: [], in: 0, out: 0, errors: this.#ends, skipped: 0, deadLettered: 0, commits: 0, commitMsP50: 0, commitMsP99: 0,
      lag: 0, restore: null, restored: null, lastError: this.#lastProblem,
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#instances.map(async instance => {
      instance.timer?.cancel()
      const { child } = instance
      if (child === undefined) return
      child.signal('SIGTERM')
      const timer = this.#options.env.clock.setTimer(() => child.signal('SIGKILL'), STOP_MS)
      await child.ended
      timer.cancel()
    }))
  }

  #launch(instance: Instance): void {
    const { plan, bootstrap, env, startChild } = this.#options
    const startedAt = env.clock.monotonic()
    const child = startChild({
      command: plan.on.command, args: plan.on.args, directory: plan.on.directory,
      env: {
        ...plan.on.env,
        MILLRACE_BOOTSTRAP: bootstrap, MILLRACE_GROUP: plan.group, MILLRACE_INSTANCE: String(instance.number),
        MILLRACE_READS: plan.reads.map(topic => topic.name).join(','), MILLRACE_WRITES: plan.writes.map(topic => topic.name).join(','),
      },
      onLine: (stream, line) => this.#logger[stream === 'stderr' ? 'warn' : 'info'](printable(line), { instance: instance.number }),
    })
    instance.child = child
    this.#logger.info('process started', { instance: instance.number, pid: child.pid })
    void child.ended.then(end => this.#onEnd(instance, end, env.clock.monotonic() - startedAt))
  }

  #onEnd(instance: Instance, end: ChildEnd, ranMs: number): void {
    instance.child = undefined
    if (this.#closed) return
    this.#ends++
    this.#lastProblem = end.problem ?? `ended with ${end.signal ?? `exit code ${end.code}`} after ${Math.round(ranMs)} ms`
    if (ranMs >= STEADY_MS) instance.pauseMs = PAUSE_MS_MIN
    this.#logger.warn('process ended, starting it again', { instance: instance.number, problem: this.#lastProblem, inMs: instance.pauseMs })
    instance.timer = this.#options.env.clock.setTimer(() => this.#launch(instance), instance.pauseMs)
    instance.pauseMs = Math.min(PAUSE_MS_MAX, instance.pauseMs * 2)
  }
}
