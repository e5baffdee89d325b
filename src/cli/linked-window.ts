/**
 * When the time of `millrace demo linked --seconds N` begins, and whether its books balance when it ends. Pure: no clock, no process.
 *
 * W1. It begins when every engine contributes, or is known to be missing: its job failed, or ANSWER_SECONDS_MAX after the last job was started it has not been heard of.
 * W2. What becomes of an engine is said once, when it becomes it.
 * W3. The books are those of the moment the time was up: lists that were made until then are waited for, PATIENCE_SECONDS at most.
 */
import type { BooksOfLists, LinkedReport, LinkedRow } from './linked-report.ts'

/** From the start of the last job to an engine's first word: a first checkpoint or batch, on two cores that five JVMs share. */
export const ANSWER_SECONDS_MAX = 120
export const PATIENCE_SECONDS = 30

type Stage = 'coming' | 'runs' | 'contributes' | 'missing'

export class ComingUp {
  readonly #stages = new Map<string, Stage>()
  #startedAt: number | undefined

  /** Every job has been started, or has failed. */
  jobsStarted(seconds: number): void {
    this.#startedAt ??= seconds
  }

  /** W2: what to say now. */
  take(report: LinkedReport): string[] {
    return report.tasks.flatMap(row => {
      if (row.engine === 'millrace' || row.state === 'left out') return []
      const before = this.#stages.get(row.task) ?? 'coming'
      // One that has contributed is up, though it may be slow to answer again.
      const now = before === 'contributes' ? before : this.#stageOf(row, report.seconds)
      this.#stages.set(row.task, now)
      return now === before ? [] : textOf(row, now, report.seconds)
    })
  }

  /** W1. */
  get isUp(): boolean {
    return this.#startedAt !== undefined && [...this.#stages.values()].every(stage => stage === 'contributes' || stage === 'missing')
  }

  /** Engines that are not up yet. */
  get coming(): readonly string[] {
    return [...this.#stages].filter(([, stage]) => stage === 'coming' || stage === 'runs').map(([task]) => task)
  }

  #stageOf({ state, contribution }: LinkedRow, seconds: number): Stage {
    if (state === 'running' && contribution !== null && contribution.rows > 0 && !contribution.isMissing) return 'contributes'
    if (this.#startedAt !== undefined && (state === 'failed' || seconds - this.#startedAt > ANSWER_SECONDS_MAX)) return 'missing'
    return state === 'running' ? 'runs' : 'coming'
  }
}

function textOf({ task, engine, reason }: LinkedRow, stage: Stage, seconds: number): string[] {
  switch (stage) {
    case 'runs': return [`${engine} runs '${task}' after ${seconds} s`]
    case 'contributes': return [`${engine} contributes after ${seconds} s`]
    case 'missing': return [`${engine} is missing${reason === null ? `: '${task}' has said nothing within ${ANSWER_SECONDS_MAX} s of its start` : `: ${reason.split('\n')[0]}`}`]
    default: return []
  }
}

export interface Balance {
  readonly isSettled: boolean
  readonly isBalanced: boolean
  readonly made: number
  readonly lost: number
  readonly doubled: number
}

/** W3. Of the first `made` lists. */
export function balanceOf(books: BooksOfLists, made: number): Balance {
  const lost = books.open.filter(ordinal => ordinal < made).length
  return { isSettled: lost === 0, isBalanced: lost === 0 && books.doubled === 0, made, lost, doubled: books.doubled }
}

export function balanceText({ isBalanced, made, lost, doubled }: Balance): string {
  return `${isBalanced ? 'the books balance' : 'THE BOOKS DO NOT BALANCE'}: ${made} lists of the recommender, ${made - lost} came out once, ${lost} lost, ${doubled} doubled`
}
