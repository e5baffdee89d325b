/**
 * The status page. It builds its parts once and then changes only texts, so that nothing jumps under the pointer.
 * Everything that came over the network is written with textContent.
 */
import { AdviceView, type ShownAdvice } from './advice-view.ts'
import { type Cell, element, grouped, section, setList, setRows, setText, shortNumber, table } from './elements.ts'
import { GraphView, type OutsideClient, type ViewGraph } from './graph-view.ts'
import { type Control, type JobTask, JobsView } from './jobs-view.ts'
import { fill, type Language, LANGUAGES, stateText, type Strings } from './strings.ts'

interface Task extends JobTask {
  readonly state: string, readonly inPerSecond: number | null, readonly outPerSecond: number | null, readonly ratesOf: 'records' | 'offsets', readonly lagRecords: number | null, readonly lagSeconds: number | null
  readonly latency: { readonly p50Ms: number, readonly p99Ms: number, readonly withinMs: number } | null
  readonly commitMsP50: number | null, readonly commitMsP99: number | null, readonly errors: number | null, readonly skipped: number | null, readonly deadLettered: number | null, readonly shards: number | null
  readonly restore: { readonly done: number, readonly total: number } | null, readonly restored: { readonly records: number, readonly ms: number } | null, readonly lastError: string | null
  readonly catchUp: { readonly verdict: string, readonly seconds: number | null, readonly cause: { readonly kind: keyof Strings['causes'], readonly share: number | null, readonly what: string | null } | null }
}
interface Process { readonly name: string, readonly kind: string, readonly task: string | null, readonly state: string, readonly pid: number | null, readonly restarts: number, readonly gapMs: number | null, readonly error: string | null }
interface Balance { readonly name: string, readonly in: number, readonly counted: number, readonly pending: number, readonly lost: number, readonly doubled: number, readonly foreign: number, readonly outOfOrder: number, readonly examples: readonly string[] }
interface Live {
  readonly status: {
    readonly at: number, readonly app: string, readonly tasks: readonly Task[]
    readonly replication: { readonly brokers: number, readonly partitions: number, readonly underReplicated: number, readonly offline: number } | null
  }
  readonly processes: readonly Process[]
  readonly ledger: { readonly balanced: boolean, readonly balances: readonly Balance[] } | null
  readonly guard: 'on' | 'off' | null
  readonly events: readonly { readonly at: number, readonly text: string, readonly kind: string, readonly values: Readonly<Record<string, string | number>> }[]
  readonly kafka: string
  readonly outside: readonly OutsideClient[]
  readonly refused: readonly { readonly client: string, readonly api: string, readonly apiKey: number, readonly version: number }[]
  readonly advice: readonly ShownAdvice[]
  readonly links: readonly { readonly name: string, readonly url: string }[]
}

const pageData: { readonly token: string, readonly graph: ViewGraph, readonly canKill: boolean, readonly canGuard: boolean, readonly canControl: boolean, readonly hasLedger: boolean } = JSON.parse(document.getElementById('page-data')?.textContent ?? '{}')
const root = document.getElementById('page') ?? document.body
let language: Language = (localStorage.getItem('language') ?? navigator.language).startsWith('zh') ? 'zh' : 'en'
let live: Live | undefined
let connected = false
let view = build()
connect()

function connect(): void {
  const socket = new WebSocket(`ws://${location.host}/live?token=${encodeURIComponent(pageData.token)}`)
  socket.addEventListener('message', event => {
    live = JSON.parse(String(event.data))
    connected = true
    draw()
  })
  socket.addEventListener('close', () => {
    connected = false
    draw()
    setTimeout(connect, 1000)
  })
}

interface View {
  readonly strings: Strings
  readonly verdict: HTMLElement
  readonly errors: HTMLElement
  readonly graph: GraphView
  readonly ledgerVerdict: HTMLElement
  readonly ledgerRows: HTMLElement
  readonly guardState: HTMLElement
  readonly guardButton: HTMLButtonElement
  readonly processes: HTMLElement
  readonly replication: HTMLElement
  /** Hidden while there is none. */
  readonly refused: HTMLElement
  readonly refusedRows: HTMLElement
  readonly tasks: HTMLElement
  readonly jobs: JobsView
  readonly advice: AdviceView
  readonly events: HTMLElement
  readonly links: HTMLElement
}

function build(): View {
  const strings = LANGUAGES[language]
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  const verdict = element('p', 'verdict', strings.connecting)
  const graph = new GraphView(pageData.graph, strings, pageData.canKill ? { task: task => kill(processOf(task)), broker: () => kill(brokerToKill()) } : undefined)
  const errors = element('div', 'frames')
  const ledgerVerdict = element('p', 'books', strings.counting)
  const ledgerRows = element('tbody')
  const guardState = element('span', 'guard-state')
  const guardButton = element('button', 'guard-button')
  guardButton.addEventListener('click', () => void post('/api/guard', { guard: live?.guard === 'off' ? 'on' : 'off' }))
  const processes = element('div', 'processes')
  const replication = element('p', 'replication')
  const refused = element('div', 'refused')
  const refusedRows = element('ul')
  refused.append(element('b', '', strings.not_served), refusedRows, element('span', 'muted', strings.not_served_note))
  const tasks = element('tbody')
  const jobs = new JobsView(strings, pageData.canControl ? control : undefined)
  const advice = new AdviceView(strings)
  const events = element('ol', 'events')
  const links = element('nav', 'links')
  const switchLanguage = element('button', 'language', strings.language)
  switchLanguage.addEventListener('click', () => {
    language = language === 'en' ? 'zh' : 'en'
    localStorage.setItem('language', language)
    view = build()
    draw()
  })
  const guardPanel = element('p', 'guard')
  guardPanel.append(element('span', 'muted', `${strings.guard}: `), guardState, pageData.canGuard ? guardButton : '', element('span', 'muted', pageData.hasLedger ? strings.guard_note : strings.guard_alone))
  const graphBox = element('div', 'scroll')
  graphBox.append(graph.element)
  const header = element('header')
  header.append(element('h1', '', strings.title), links, switchLanguage)
  root.replaceChildren(
    header, verdict, errors,
    section(strings.graph, strings.graph_note, graphBox, replication, processes, refused),
    pageData.hasLedger
      ? section(strings.ledger, strings.ledger_note, ledgerVerdict, table(['', strings.in, strings.counted, strings.pending, strings.lost, strings.doubled, strings.foreign, strings.out_of_order], ledgerRows), guardPanel)
      : section(strings.guard, undefined, guardPanel),
    section(strings.tasks, undefined, table([strings.task, strings.state, strings.shards, strings.rate_in, strings.rate_out, strings.lag, strings.seconds, strings.catch_up, strings.latency, strings.commit, strings.errors, strings.restored], tasks), jobs.element),
    section(strings.advice, strings.advice_note, advice.element),
    section(strings.events, undefined, events),
  )
  return { strings, verdict, errors, graph, ledgerVerdict, ledgerRows, guardState, guardButton, processes, replication, refused, refusedRows, tasks, jobs, advice, events, links }
}

function draw(): void {
  const { strings } = view
  if (live === undefined || !connected) {
    view.verdict.textContent = live === undefined ? strings.connecting : strings.lost_connection
    view.verdict.dataset['state'] = 'failed'
    return
  }
  drawVerdict(live, strings)
  setList(view.errors, live.processes.filter(isOfApp).flatMap(process => process.error === null ? [] : [`${process.name}  ${process.error}`]), 'pre')
  for (const task of live.status.tasks) view.graph.update(task.task, task)
  view.graph.updateOutside(live.outside, fill(strings.connect_hint, { address: live.kafka }))
  view.graph.element.setAttribute('data-broker', brokers().length === 0 ? 'none' : 'here')
  setRows(view.tasks, live.status.tasks.map(task => taskCells(task, strings)))
  view.jobs.update(live.status.tasks, live.status.at)
  view.advice.update(live.advice)
  drawLedger(live, strings)
  drawProcesses(live.processes, strings)
  drawReplication(live.status.replication, strings)
  view.refused.hidden = live.refused.length === 0
  setList(view.refusedRows, live.refused.map(({ client, api, apiKey, version }) => `${client}: ${api} (${apiKey}) v${version}`))
  setList(view.events, live.events.length === 0 ? [strings.nothing_yet] : live.events.slice(-12).reverse().map(event => `${new Date(event.at).toLocaleTimeString(language === 'zh' ? 'zh-CN' : 'en-GB')}  ${happenedText(event, strings)}`))
  if (view.links.childElementCount !== live.links.length) {
    view.links.replaceChildren(...live.links.map(link => {
      const anchor = element('a', '', link.name === 'shop' ? strings.shop : link.name)
      if (/^https?:\/\//.test(link.url)) anchor.href = link.url
      return anchor
    }))
  }
}

function drawVerdict(now: Live, strings: Strings): void {
  const tasks = now.status.tasks
  const failed = tasks.find(task => task.state === 'failed')
  const broken = now.processes.find(process => isOfApp(process) && process.error !== null)
  const restoring = tasks.find(task => task.restore !== null)
  const late = tasks.filter(task => (task.lagSeconds ?? 0) > 2).sort((a, b) => (b.lagRecords ?? 0) - (a.lagRecords ?? 0))
  const first = late[0]
  const stopped = tasks.find(task => task.job?.state === 'stopped')
  view.verdict.dataset['state'] = failed !== undefined || broken !== undefined ? 'failed' : stopped !== undefined || first !== undefined || restoring !== undefined ? 'late' : 'good'
  view.verdict.textContent = failed !== undefined ? fill(strings.failing, { task: failed.task, error: failed.lastError?.split('\n')[0] ?? '' })
    : broken !== undefined ? fill(strings.broken_verdict, { name: broken.name, how: stateText(broken.state, strings) })
    : stopped !== undefined ? fill(strings.halted, { task: stopped.task })
    : restoring?.restore != null ? fill(strings.restoring, { task: restoring.task, done: restoring.restore.done, total: restoring.restore.total })
    : first !== undefined ? fill(strings.behind, { n: tasks.length - late.length, m: tasks.length, task: first.task, lag: shortNumber(first.lagRecords ?? 0) })
    : fill(strings.keeps_up, { n: tasks.length })
}

function taskCells(task: Task, strings: Strings): Cell[] {
  const or = (value: number | null, digits = 0): string => value === null ? '—' : value.toFixed(digits)
  const short = (value: number | null): string => value === null ? '—' : shortNumber(value)
  return [
    task.task, { text: stateText(task.state, strings), state: task.state }, short(task.shards), rateText(task.inPerSecond, task.ratesOf), rateText(task.outPerSecond, task.ratesOf),
    short(task.lagRecords), or(task.lagSeconds, 1), catchUpCell(task, strings), latencyText(task.latency), task.commitMsP50 === null ? '—' : `${or(task.commitMsP50, 1)} · ${or(task.commitMsP99, 1)} ms`,
    task.errors === null ? '—' : String(task.errors + (task.skipped ?? 0) + (task.deadLettered ?? 0)),
    task.restore !== null ? `${shortNumber(task.restore.done)} / ${shortNumber(task.restore.total)}` : task.restored === null ? '–' : fill(strings.restored_value, { n: grouped(task.restored.records), s: (task.restored.ms / 1000).toFixed(1) }),
  ]
}

/** What is less than the time between two looks is no more than that. */
function latencyText(latency: Task['latency']): string {
  if (latency === null) return '—'
  const each = (ms: number): string => ms < latency.withinMs ? `< ${(latency.withinMs / 1000).toFixed(1)}` : `≈ ${(ms / 1000).toFixed(1)}`
  return `${each(latency.p50Ms)} · ${each(latency.p99Ms)} s`
}

function catchUpCell({ catchUp }: Task, strings: Strings): Cell {
  const { verdict, seconds, cause } = catchUp
  const time = verdict === 'caughtUp' ? '' : verdict === 'never' ? strings.never : verdict === 'unknown' || seconds === null ? '—' : `≈ ${seconds < 10 ? seconds.toFixed(1) : grouped(Math.round(seconds))} s`
  if (cause === null) return time === '' ? '–' : time
  const why = [strings.causes[cause.kind], cause.share === null ? '' : `${Math.round(cause.share * 100)} %`, cause.what ?? ''].filter(text => text !== '').join(' ')
  return { text: [time, why].filter(text => text !== '').join(' · '), state: verdict === 'never' ? 'failed' : 'late' }
}

function drawLedger(now: Live, strings: Strings): void {
  const { ledger } = now
  view.ledgerVerdict.textContent = ledger === null ? strings.counting : ledger.balanced ? strings.balanced : strings.unbalanced
  view.ledgerVerdict.dataset['state'] = ledger === null ? 'late' : ledger.balanced ? 'good' : 'failed'
  setRows(view.ledgerRows, (ledger?.balances ?? []).map((balance): Cell[] => {
    const bad = (count: number): Cell => ({ text: grouped(count), state: count === 0 ? 'good' : 'failed' })
    return [balance.name, grouped(balance.in), grouped(balance.counted), grouped(balance.pending), bad(balance.lost), bad(balance.doubled), bad(balance.foreign), bad(balance.outOfOrder)]
  }))
  view.guardState.textContent = now.guard === 'off' ? strings.guard_off : strings.guard_on
  view.guardState.dataset['state'] = now.guard === 'off' ? 'failed' : 'good'
  view.guardButton.textContent = now.guard === 'off' ? strings.guard_put_on : strings.guard_take_off
}

function drawReplication(now: Live['status']['replication'], strings: Strings): void {
  view.replication.hidden = now === null
  if (now === null) return
  const isWhole = now.underReplicated === 0 && now.offline === 0
  view.replication.dataset['state'] = isWhole ? 'good' : now.offline > 0 ? 'failed' : 'late'
  view.replication.textContent = fill(isWhole ? strings.replicated : strings.under_replicated, { brokers: now.brokers, partitions: now.partitions, n: now.underReplicated, offline: now.offline })
}

/** Processes come and go: each has its card as long as it is there. */
function drawProcesses(processes: readonly Process[], strings: Strings): void {
  const existing = new Map([...view.processes.children].map(card => [card.getAttribute('data-name') ?? '', card]))
  const cards = processes.map(process => {
    const card = existing.get(process.name) ?? processCard(process.name, strings)
    card.setAttribute('data-state', process.state)
    setText(card, '.pid', `pid ${process.pid ?? '–'}`)
    setText(card, '.about', [stateText(process.state, strings), process.restarts > 0 ? `${strings.restarts} ${process.restarts}` : '', process.gapMs === null ? '' : `${strings.gap} ${(process.gapMs / 1000).toFixed(1)} s`].filter(text => text !== '').join(' · '))
    return card
  })
  // Putting a card where it is already would take the focus from its button.
  if (cards.length !== existing.size || cards.some(card => card.parentElement === null)) view.processes.replaceChildren(...cards)
}

function processCard(name: string, strings: Strings): HTMLElement {
  const card = element('div', 'process')
  card.dataset['name'] = name
  card.append(element('b', '', name), element('span', 'pid muted'), element('span', 'about muted'))
  if (pageData.canKill) {
    const button = element('button', 'kill', strings.kill)
    button.title = fill(strings.kill_of, { name })
    button.addEventListener('click', () => kill(name))
    card.append(button)
  }
  return card
}

let brokerTurn = -1
/** By task: how often its button was used, so that each of its processes has its turn. */
const turns = new Map<string, number>()

/** A task's button kills a process that runs it: one of its own where it has some, else one of those that run tasks; in turn. */
function processOf(task: string): string {
  const running = (live?.processes ?? []).filter(process => process.state === 'running')
  const own = running.filter(process => process.task === task)
  const hasOwn = live?.status.tasks.some(each => each.task === task && each.engine !== 'millrace') === true
  const candidates = hasOwn ? own : running.filter(process => process.kind === 'tasks')
  const turn = turns.get(task) ?? 0
  turns.set(task, turn + 1)
  return candidates[turn % Math.max(1, candidates.length)]?.name ?? ''
}

/** The verifier ends where it loses its broker, and is started again: what it finds is in the ledger, not here. */
function isOfApp(process: Process): boolean {
  return process.kind !== 'ledger'
}

function brokers(): readonly Process[] {
  return (live?.processes ?? []).filter(process => process.kind === 'broker')
}

/** The broker that holds all topics; of several, each of which has a copy, the running ones in turn. */
function brokerToKill(): string {
  const all = brokers()
  const running = all.filter(process => process.state === 'running')
  brokerTurn++
  return (running.length === 0 ? all : running)[brokerTurn % Math.max(1, running.length)]?.name ?? ''
}

function kill(name: string): void {
  if (name !== '') void post('/api/kill', { name })
}

/** In the reader's language; as it is in the log where this page does not know the kind. */
function happenedText(event: Live['events'][number], strings: Strings): string {
  const templates: Readonly<Record<string, string>> = strings.happened
  const template = templates[event.kind]
  return template === undefined ? event.text : fill(template, event.values)
}

/** Resolves with why it was refused, or with nothing. */
async function control(...[name, action, instances]: Parameters<Control>): Promise<string | undefined> {
  const answer = await post('/api/job', { name, action, ...instances === undefined ? {} : { instances } }).catch(() => undefined)
  if (answer === undefined) return view.strings.not_answered
  if (answer.ok) return undefined
  const body: unknown = await answer.json().catch(() => undefined)
  return typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : `${answer.status}`
}

function post(path: string, body: Readonly<Record<string, string | number>>): Promise<Response> {
  return fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Millrace-Token': pageData.token }, body: JSON.stringify(body) })
}

/** `≈`: counted in offsets, not in records. */
function rateText(perSecond: number | null, of: Task['ratesOf']): string {
  return perSecond === null ? '—' : `${of === 'offsets' && perSecond > 0 ? '≈ ' : ''}${shortNumber(perSecond)}`
}
