/** What processes hold in memory, as Linux counts it. */
import { readFileSync } from 'node:fs'

export interface Resident {
  /** What only these processes hold, and their share of pages that others hold too (the program's own code). */
  readonly pssBytes: number
  readonly rssBytes: number
}

/** The sum over `pids`; a process that has ended counts nothing. */
export function residentOf(pids: readonly number[]): Resident {
  let pssBytes = 0
  let rssBytes = 0
  for (const pid of pids) {
    const rollup = rollupOf(pid)
    pssBytes += kilobytes(rollup, 'Pss') * 1024
    rssBytes += kilobytes(rollup, 'Rss') * 1024
  }
  return { pssBytes, rssBytes }
}

function rollupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  } catch (error) {
    // ESRCH: it ended between its listing and its reading.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return ''
    throw error
  }
}

function kilobytes(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0)
}
