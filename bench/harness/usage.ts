/**
 * What processes use, from /proc: processor time of a process with all it started, and its memory's peak.
 *
 * U1. Samples are kept with their time, and a window's use is interpolated at its edges: nothing is asked of the measured processes themselves.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_US = 10_000

interface Stat { readonly parent: number, readonly ticks: number }

function statOf(pid: string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // utime, stime, and what its ended children took.
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]) }
  } catch {
    // It ended while it was looked at.
    return undefined
  }
}

/** `pid` and everything below it. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = statOf(name)?.parent
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], Number(name)])
  }
  const tree = [pid]
  for (let at = 0; at < tree.length; at++) tree.push(...children.get(tree[at] ?? 0) ?? [])
  return tree
}

export function cpuUsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statOf(String(pid))?.ticks ?? 0), 0) * TICK_US
}

/** Highest resident memory so far, of each process summed. */
export function peakBytesOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    try {
      return sum + Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1_024
    } catch {
      return sum
    }
  }, 0)
}

export interface Sample { readonly atMs: number, readonly jobUs: number, readonly brokerUs: number }

/** Takes a sample each `everyMs` until it is stopped. */
export class Sampler {
  readonly samples: Sample[] = []
  peakBytes = 0
  readonly #timer: NodeJS.Timeout
  readonly #look: () => void

  constructor(jobPid: number, brokerPid: number, everyMs = 200) {
    this.#look = () => {
      const job = treeOf(jobPid)
      this.samples.push({ atMs: Date.now(), jobUs: cpuUsOf(job), brokerUs: cpuUsOf([brokerPid]) })
      this.peakBytes = Math.max(this.peakBytes, peakBytesOf(job))
    }
    this.#timer = setInterval(this.#look, everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Processor time of job and broker from one moment to another. */
  between(fromMs: number, toMs: number): { readonly jobUs: number, readonly brokerUs: number } {
    const [from, to] = [at(this.samples, fromMs), at(this.samples, toMs)]
    return { jobUs: to.jobUs - from.jobUs, brokerUs: to.brokerUs - from.brokerUs }
  }
}

/** Straight between the two samples around a moment; the nearest one outside of all. */
export function at(samples: readonly Sample[], ms: number): Sample {
  const next = samples.findIndex(sample => sample.atMs >= ms)
  const after = samples[next === -1 ? samples.length - 1 : next]
  const before = next > 0 ? samples[next - 1] : after
  if (after === undefined || before === undefined) return { atMs: ms, jobUs: 0, brokerUs: 0 }
  const share = after.atMs === before.atMs ? 0 : Math.min(1, (ms - before.atMs) / (after.atMs - before.atMs))
  return { atMs: ms, jobUs: before.jobUs + share * (after.jobUs - before.jobUs), brokerUs: before.brokerUs + share * (after.brokerUs - before.brokerUs) }
}
