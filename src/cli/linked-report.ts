/**
 * What `millrace demo linked` prints every few seconds and at its end: each task, whichever engine runs it, and what each engine has contributed to the lists.
 *
 * Rates, lag and restarts are those of the status page. What an engine has contributed is counted by the example's own process, which keeps the books of the lists too (`{ contributions, books }` over IPC).
 */
import type { AppStatus, TaskStatus } from '../http/status.ts'
import { counted, groupDigits, type Output } from './render.ts'

/** Of one engine, as examples/linked-engines/contributions.ts counts it. */
export interface EngineContribution {
  readonly engine: string
  readonly rows: number
  readonly lists: number
  readonly moved: number
  readonly example: string | null
  readonly isMissing: boolean
}

export interface Contributed {
  readonly lists: number
  readonly engines: readonly EngineContribution[]
}

/** As examples/linked-engines/books.ts keeps them. */
export interface BooksOfLists {
  readonly made: number
  readonly blended: number
  readonly doubled: number
  readonly unasked: number
  readonly open: readonly number[]
}

export interface LinkedRow {
  readonly task: string
  readonly engine: string
  readonly state: string
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
  /** Records written: since the start of its process of a task of ours, all in its topic of an engine's. */
  readonly out: number | null
  readonly lagRecords: number | null
  /** Of the job, and of its processes. */
  readonly restarts: number | null
  /** Records that came again, and were taken out by its `distinct`; `null` of engines. */
  readonly copies: number | null
  /** `null` of tasks of ours, and of engines that have not been heard of. */
  readonly contribution: EngineContribution | null
  /** Why it was left out, or what went wrong last. */
  readonly reason: string | null
}

export interface LinkedReport {
  readonly seconds: number
  /** Lists since the start. */
  readonly lists: number
  readonly missing: readonly string[]
  readonly tasks: readonly LinkedRow[]
}

/** From the message of the example's process; anything else says nothing. */
export function contributedOf(message: object): Contributed | undefined {
  const said: unknown = 'contributions' in message ? message.contributions : undefined
  if (typeof said !== 'object' || said === null || !('lists' in said) || typeof said.lists !== 'number' || !('engines' in said) || !Array.isArray(said.engines)) return undefined
  return { lists: said.lists, engines: said.engines.filter(isContribution) }
}

function isContribution(value: unknown): value is EngineContribution {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  return typeof fields.get('engine') === 'string' && ['rows', 'lists', 'moved'].every(name => typeof fields.get(name) === 'number') && typeof fields.get('isMissing') === 'boolean'
}

export function booksOf(message: object): BooksOfLists | undefined {
  const said: unknown = 'books' in message ? message.books : undefined
  if (typeof said !== 'object' || said === null || !('open' in said) || !Array.isArray(said.open)) return undefined
  const fields = new Map<string, unknown>(Object.entries(said))
  const [made, blended, doubled, unasked] = ['made', 'blended', 'doubled', 'unasked'].map(name => fields.get(name))
  if (typeof made !== 'number' || typeof blended !== 'number' || typeof doubled !== 'number' || typeof unasked !== 'number') return undefined
  return { made, blended, doubled, unasked, open: said.open.filter(each => typeof each === 'number') }
}

export function linkedReport(seconds: number, status: AppStatus, contributed: Contributed | undefined, leftOut: ReadonlyMap<string, string>): LinkedReport {
  return {
    seconds, lists: contributed?.lists ?? 0, missing: contributed?.engines.filter(({ isMissing }) => isMissing).map(({ engine }) => engine) ?? [],
    tasks: status.tasks.map(task => rowOf(task, contributed?.engines.find(({ engine }) => engine === task.engine) ?? null, leftOut.get(task.task))),
  }
}

function rowOf(task: TaskStatus, contribution: EngineContribution | null, leftOut: string | undefined): LinkedRow {
  const restarts = [task.processRestarts, task.job?.restarts ?? null].filter(each => each !== null)
  return {
    task: task.task, engine: task.engine, state: leftOut === undefined ? task.state : 'left out',
    inPerSecond: task.inPerSecond, outPerSecond: task.outPerSecond, out: contribution?.rows ?? task.out, lagRecords: task.lagRecords,
    copies: task.dropped === null ? null : Object.entries(task.dropped).reduce((sum, [why, count]) => why.endsWith(': duplicate') ? sum + count : sum, 0),
    restarts: restarts.length === 0 ? null : restarts.reduce((sum, each) => sum + each, 0), contribution, reason: leftOut ?? task.lastError,
  }
}

/** `all`: the tasks of ours too. */
export function showLinked(output: Output, { seconds, lists, missing, tasks }: LinkedReport, all: boolean): void {
  const shown = tasks.filter(({ engine, task }) => all || engine !== 'millrace' || task === 'blend')
  output.line()
  output.line(output.style('bold', `  after ${groupDigits(seconds)} s   ${groupDigits(lists)} lists   ${missing.length === 0 ? 'every engine contributes' : `missing: ${missing.join(', ')}`}`))
  output.table(['TASK', 'ENGINE', 'STATE', 'IN/S', 'OUT/S', 'OUT', 'LAG', 'RESTARTS', 'LISTS MOVED'], shown.map(row => [
    row.task, row.engine, row.state, rate(row.inPerSecond), rate(row.outPerSecond), row.out ?? '-', row.lagRecords ?? '-', row.restarts ?? '-', movedText(row.contribution),
  ]), { right: [3, 4, 5, 6, 7, 8] })
  for (const { task, engine, contribution, reason, copies } of shown) {
    if (engine === 'millrace') {
      if (copies !== null && copies > 0) output.line(`  ${task} has taken out ${counted(copies, 'record')} that came again`)
    } else if (contribution?.isMissing !== false) output.line(`  ${engine.padEnd(6)} is missing${reason === null ? '' : `: ${reason.split('\n')[0]}`}`)
    else output.line(`  ${engine.padEnd(6)} ${task}: ${contribution.example ?? 'has moved nothing yet'}`)
  }
}

function movedText(contribution: EngineContribution | null): string {
  if (contribution === null || contribution.lists === 0) return '-'
  return `${groupDigits(contribution.moved)} of ${groupDigits(contribution.lists)} (${Math.round(100 * contribution.moved / contribution.lists)} %)`
}

function rate(perSecond: number | null): string {
  return perSecond === null ? '-' : perSecond.toFixed(1)
}
