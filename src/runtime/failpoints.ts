/**
 * Named points at which a test kills this process: `MILLRACE_FAILPOINT=after-flush:3` sends SIGKILL to itself when the
 * point is reached for the third time. Nothing is closed, flushed or told to anybody, as in a power cut of the process.
 *
 * `end-txn-sent` is between EndTxn and its answer: it kills once the request has been handed to the kernel, a turn or two later.
 *
 * FP1. A process without the variable pays one comparison per commit step and can never be hit.
 */
import { MillraceError } from '../base/errors.ts'
import type { Clock } from '../env/env.ts'

export const FAILPOINTS = ['after-flush', 'after-txn-offset-commit', 'before-end-txn', 'end-txn-sent', 'after-end-txn', 'before-store-commit'] as const
/** Of tasks with a target beside Kafka: in the middle of a delivery, and between it and the commit of the offsets. */
export const TARGET_FAILPOINTS = ['in-deliver', 'after-deliver'] as const
export type Failpoint = (typeof FAILPOINTS)[number] | (typeof TARGET_FAILPOINTS)[number]
const ALL: readonly Failpoint[] = [...FAILPOINTS, ...TARGET_FAILPOINTS]

export interface Failpoints {
  reach(point: Failpoint): void
}

export const noFailpoints: Failpoints = { reach: () => {} }

/** Parses `<point>:<count>`; `kill` is called at that point, with its name. */
export function failpointsOf(setting: string | undefined, kill: (point: Failpoint) => void): Failpoints {
  if (setting === undefined || setting === '') return noFailpoints
  const [name, count = '1'] = setting.split(':')
  const point = ALL.find(candidate => candidate === name)
  let left = Number(count)
  if (point === undefined || !Number.isInteger(left) || left < 1) {
    throw new MillraceError('CONFIG_INVALID', `MILLRACE_FAILPOINT=${setting} is not understood. Use <point>:<n> with one of ${ALL.join(', ')}.`)
  }
  return {
    reach(reached) {
      if (reached === point && --left === 0) kill(point)
    },
  }
}

export function failpointsOfEnvironment(clock: Clock): Failpoints {
  const kill = (): void => void process.kill(process.pid, 'SIGKILL')
  return failpointsOf(process.env['MILLRACE_FAILPOINT'], point => {
    if (point === 'end-txn-sent') clock.defer(() => clock.defer(kill))
    else kill()
  })
}
