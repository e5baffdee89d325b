/**
 * Who is at fault when counts per key are not 1, 2, 3 …: the rows around the first few wrong ones, in every topic of the chain as committed readers see
 * them, and what an engine said in its log of where it found its state.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Cluster } from '../../src/client/cluster.ts'
import { readAll } from '../real/runtime/books.ts'

/** A row of the chain's end whose count is not one more than the one before of its key. */
export interface WrongCount {
  readonly key: string
  readonly partition: number
  readonly offset: number
  readonly id: string
  readonly seq: number
  readonly expected: number
  readonly got: number
}

interface Row { readonly partition: number; readonly offset: number; readonly id: string; readonly seq: number; readonly count?: number }

const WRONG_SHOWN = 3
const NEIGHBOURS = 4
const ROWS_SHOWN = 40
/** What Samza tells of its stores at a start. */
const RESTORES = /checkpointed changelog offset|Read local offset|Store directories to be retained|Stores to be restored|Checkpointed offset/

/** `topics` from the first to the last; `folder` is the app's, with its jobs' logs. */
export async function countsEvidence(cluster: Cluster, wrong: readonly WrongCount[], topics: readonly string[], folder: string): Promise<string> {
  const shown = wrong.slice(0, WRONG_SHOWN)
  const lines = wrong.map(row => `wrong: ${row.key} partition ${row.partition} offset ${row.offset} ${row.id} seq ${row.seq}: expected ${row.expected}, got ${row.got}`)
  for (const topic of topics) {
    const rows = new Map<string, Row[]>(shown.map(({ key }) => [key, []]))
    await readAll(cluster, topic, (partition, offset, key, value) => {
      const { id, seq, count } = JSON.parse(value) as Row // Written by the tasks under test.
      rows.get(key)?.push({ partition, offset, id, seq, ...count === undefined ? {} : { count } })
    })
    for (const each of shown) lines.push(`${topic}, ${each.key} around ${each.id}:`, ...around(rows.get(each.key) ?? [], each.id))
  }
  return [...lines, ...jobLines(folder)].join('\n')
}

/** From before the id's first occurrence to after its last. */
function around(rows: readonly Row[], id: string): readonly string[] {
  const from = Math.max(0, rows.findIndex(row => row.id === id) - NEIGHBOURS)
  const to = rows.findLastIndex(row => row.id === id) + NEIGHBOURS + 1
  return rows.slice(from, to).slice(0, ROWS_SHOWN).map(row => `  ${row.partition}/${row.offset} ${row.id} seq ${row.seq}${row.count === undefined ? '' : ` count ${row.count}`}`)
}

/** `jobs/<task>/<process>.log` in the app's folder; its stores are beside them, and change. */
function jobLines(folder: string): readonly string[] {
  const jobs = join(folder, 'jobs')
  if (!existsSync(jobs)) return []
  return readdirSync(jobs).flatMap(task => readdirSync(join(jobs, task)).filter(name => name.endsWith('.log')).map(name => join(jobs, task, name)))
    .flatMap(file => readFileSync(file, 'utf8').split('\n').filter(line => RESTORES.test(line)).map(line => `${basename(file)}: ${line.slice(0, 600)}`))
}
