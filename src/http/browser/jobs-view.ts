/**
 * Tasks on other engines, one row each: what their engine says of them, and the buttons that start, stop and rescale them.
 *
 * JV1. A row is made once and then only its texts change. A button that would do nothing is disabled, not hidden: nothing moves under the pointer.
 */
import { element, grouped, setText, table } from './elements.ts'
import { fill, stateText, type Strings } from './strings.ts'

export interface Job {
  readonly state: string, readonly instances: number | null, readonly restarts: number | null, readonly backPressure: number | null, readonly lastError: string | null, readonly url: string | null
  readonly storm: { readonly completeLatencyMs: number | null, readonly capacity: number | null, readonly acked: number, readonly failed: number } | null
  readonly checkpoint: { readonly at: number, readonly ms: number, readonly bytes: number | null, readonly failed: number } | null
}
export interface JobTask { readonly task: string, readonly engine: string, readonly processes: number, readonly processRestarts: number | null, readonly job: Job | null }
export type Control = (name: string, action: 'start' | 'stop' | 'restart' | 'scale', instances?: number) => Promise<string | undefined>

const BUSY = new Set(['starting', 'stopping', 'rescaling'])
const ERROR_CHARACTERS = 90

type ButtonName = 'start' | 'stop' | 'restart' | 'less' | 'more'

interface Row {
  readonly element: HTMLElement
  readonly buttons: Map<ButtonName, HTMLButtonElement>
  /** As last heard: what `+` and `−` count from. */
  instances: number
}

export class JobsView {
  readonly element: HTMLElement
  readonly #strings: Strings
  readonly #control: Control | undefined
  readonly #rows = new Map<string, Row>()
  readonly #body = element('tbody')
  readonly #answer = element('p', 'answer muted')

  constructor(strings: Strings, control: Control | undefined) {
    this.#strings = strings
    this.#control = control
    this.element = element('div', 'jobs')
    this.#answer.setAttribute('role', 'status')
    this.element.append(element('h2', '', strings.jobs), table([strings.task, strings.engine, strings.state, strings.instances, strings.restarts, strings.checkpoint, strings.back_pressure, strings.own_metrics, strings.last_error, ''], this.#body), this.#answer)
    this.element.hidden = true
  }

  update(tasks: readonly JobTask[], now: number): void {
    for (const task of tasks) {
      if (task.job === null) continue
      this.element.hidden = false
      const row = this.#rows.get(task.task) ?? this.#addRow(task)
      this.#draw(row, task, task.job, now)
    }
  }

  #addRow({ task, engine }: JobTask): Row {
    const row = element('tr')
    row.dataset['task'] = task
    for (const name of ['name', 'engine', 'state', 'instances', 'restarts', 'checkpoint', 'pressure', 'own', 'error', 'actions']) row.append(element('td', name))
    setText(row, '.name', task)
    const link = element('a', '', engine)
    link.target = '_blank'
    link.rel = 'noreferrer'
    row.querySelector('.engine')?.append(link)
    const drawn: Row = { element: row, buttons: new Map(), instances: 1 }
    const [strings, control] = [this.#strings, this.#control]
    const button = (name: ButtonName, text: string, what: string, act: () => void): HTMLButtonElement => {
      const made = element('button', name, text)
      made.title = fill(what, { name: task })
      made.setAttribute('aria-label', made.title)
      made.addEventListener('click', act)
      drawn.buttons.set(name, made)
      return made
    }
    const count = element('span')
    row.querySelector('.instances')?.append(...control === undefined ? [count] : [
      button('less', '−', strings.less_of, () => this.#ask(task, 'scale', drawn.instances - 1)), count, button('more', '+', strings.more_of, () => this.#ask(task, 'scale', drawn.instances + 1)),
    ])
    if (control !== undefined) row.querySelector('.actions')?.append(
      button('stop', strings.stop, strings.stop_of, () => this.#ask(task, 'stop')), button('start', strings.start, strings.start_of, () => this.#ask(task, 'start')),
      button('restart', strings.restart, strings.restart_of, () => this.#ask(task, 'restart')),
    )
    this.#rows.set(task, drawn)
    this.#body.append(row)
    return drawn
  }

  #draw(row: Row, task: JobTask, job: Job, now: number): void {
    const strings = this.#strings
    row.instances = job.instances ?? 1
    row.element.querySelector('.state')?.setAttribute('data-state', job.state)
    setText(row.element, '.state', stateText(job.state, strings))
    setText(row.element, '.instances span', job.instances === null ? '—' : ` ${job.instances} `)
    setText(row.element, '.restarts', restartsText(job.restarts, task.processRestarts, strings))
    setText(row.element, '.checkpoint', checkpointText(job.checkpoint, now, strings))
    setText(row.element, '.pressure', job.backPressure === null ? '—' : `${Math.round(job.backPressure * 100)} %`)
    setText(row.element, '.own', stormText(job.storm, strings))
    const error = row.element.querySelector('.error')
    if (error !== null) {
      const text = job.lastError ?? '—'
      error.textContent = text.length > ERROR_CHARACTERS ? `${text.slice(0, ERROR_CHARACTERS - 1)}…` : text
      error.setAttribute('title', text)
    }
    const link = row.element.querySelector('.engine a')
    if (job.url !== null && /^https?:\/\//.test(job.url)) link?.setAttribute('href', job.url)
    else link?.removeAttribute('href')
    const isBusy = BUSY.has(job.state)
    const isUp = job.state === 'running' || job.state === 'restarting'
    const isOurs = job.state !== 'external'
    const enabled = { start: !isBusy && !isUp && isOurs, stop: !isBusy && job.state !== 'stopped' && isOurs, restart: !isBusy && isUp, less: !isBusy && (job.instances ?? 0) > 1, more: !isBusy && job.instances !== null }
    for (const [name, button] of row.buttons) button.disabled = !enabled[name]
  }

  #ask(name: string, action: 'start' | 'stop' | 'restart' | 'scale', instances?: number): void {
    this.#answer.textContent = ''
    void this.#control?.(name, action, instances).then(refused => { this.#answer.textContent = refused ?? '' })
  }
}

/** Of an engine that counts none, its processes' alone. */
function restartsText(job: number | null, processes: number | null, strings: Strings): string {
  return job === null ? processes === null ? '—' : `${processes}` : fill(strings.restarts_of_both, { job, processes: processes ?? 0 })
}

function checkpointText(checkpoint: Job['checkpoint'], now: number, strings: Strings): string {
  if (checkpoint === null) return '—'
  const { at, ms, bytes, failed } = checkpoint
  return [
    fill(strings.checkpoint_age, { s: (Math.max(0, now - at) / 1000).toFixed(1) }), `${Math.round(ms)} ms`,
    ...bytes === null ? [] : [sizeText(bytes)], ...failed === 0 ? [] : [fill(strings.checkpoint_failed, { n: failed })],
  ].join(' · ')
}

function stormText(storm: Job['storm'], strings: Strings): string {
  if (storm === null) return '—'
  const { completeLatencyMs, capacity, acked, failed } = storm
  return fill(strings.storm_metrics, { latency: completeLatencyMs === null ? '—' : completeLatencyMs.toFixed(1), capacity: capacity === null ? '—' : Math.round(capacity * 100), acked: grouped(acked), failed: grouped(failed) })
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
