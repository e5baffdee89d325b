/**
 * Draws the graph as SVG: pills for topics, cards for tasks with their rate and lag, slanted boxes for what rows go to beside Kafka, dashed boxes for clients that are no part of the
 * app, in a band of their own below. Every box of ours but those has a kill button: a task's kills a process that runs it, a topic's the broker that holds it.
 *
 * GV1. Boxes of the app never move. The band is there from the start, a client keeps its place in it, and it never gets lower.
 */
import { make, shortNumber } from './elements.ts'
import type { Strings } from './strings.ts'
import { fill } from './strings.ts'

export interface ViewNode { readonly id: string, readonly kind: 'topic' | 'task' | 'foreign' | 'target', readonly name: string, readonly engine: string | null, readonly detail: string | null, readonly column: number, readonly row: number }
export interface ViewGraph { readonly nodes: readonly ViewNode[], readonly edges: readonly { readonly from: string, readonly to: string }[], readonly columns: number, readonly rows: number }
export interface TaskFigures {
  readonly state: string, readonly inPerSecond: number | null, readonly ratesOf: 'records' | 'offsets', readonly lagRecords: number | null
  /** Of a task on another engine. */
  readonly job: { readonly url: string | null } | null
}
export interface OutsideClient { readonly id: string, readonly name: string, readonly about: string, readonly reads: readonly string[], readonly writes: readonly string[], readonly isGone: boolean }
export interface Killing { readonly task: (name: string) => void, readonly broker: () => void }

interface Place { readonly x: number, readonly y: number, readonly halfHeight: number }

const COLUMN_WIDTH = 176
const ROW_HEIGHT = 84
const BOX_WIDTH = 148
const TASK_HEIGHT = 58
const TOPIC_HEIGHT = 30
const OUTSIDE_HEIGHT = 44
const OUTSIDE_ROW_HEIGHT = 60
const TARGET_HEIGHT = 44
const HALF_HEIGHTS = { topic: TOPIC_HEIGHT / 2, target: TARGET_HEIGHT / 2, task: TASK_HEIGHT / 2, foreign: TASK_HEIGHT / 2 }
/** How far its sides lean. */
const SLANT = 12
const BAND_TOP = 18
const NAME_CHARACTERS = 17
const TOPIC_CHARACTERS = 18
const ABOUT_CHARACTERS = 21

export class GraphView {
  readonly element: SVGSVGElement
  readonly #strings: Strings
  readonly #columns: number
  readonly #heightOfApp: number
  readonly #figures = new Map<string, { readonly card: SVGGElement, readonly text: SVGTextElement, readonly engine: SVGAElement | undefined }>()
  readonly #places: ReadonlyMap<string, Place>
  readonly #outsideEdges = make('g', {})
  readonly #outsideBoxes = make('g', {})
  readonly #hint: SVGTextElement
  /** `<column> <row>` of the band, by client. */
  readonly #slots = new Map<string, { readonly column: number, readonly row: number }>()
  #bandRows = 1
  #drawn = ''

  constructor(graph: ViewGraph, strings: Strings, killing: Killing | undefined) {
    this.#strings = strings
    this.#columns = graph.columns
    this.#heightOfApp = graph.rows * ROW_HEIGHT + 8
    this.element = make('svg', { class: 'graph', role: 'group', 'aria-label': strings.graph })
    const counts = new Map<number, number>()
    for (const node of graph.nodes) counts.set(node.column, (counts.get(node.column) ?? 0) + 1)
    const placeOf = (node: ViewNode): Place => ({
      x: 4 + node.column * COLUMN_WIDTH, y: (node.row + 0.5 + (graph.rows - (counts.get(node.column) ?? 0)) / 2) * ROW_HEIGHT,
      halfHeight: HALF_HEIGHTS[node.kind],
    })
    this.#places = new Map(graph.nodes.map(node => [node.id, placeOf(node)]))
    this.element.append(arrowHead(), this.#outsideEdges)
    for (const edge of graph.edges) {
      const [from, to] = [this.#places.get(edge.from), this.#places.get(edge.to)]
      if (from !== undefined && to !== undefined) this.element.append(arrow(from, to))
    }
    for (const node of graph.nodes) {
      const place = this.#places.get(node.id)
      if (place !== undefined) this.element.append(node.kind === 'target' ? targetBox(node, place) : node.kind === 'topic' ? topicPill(node, place, strings, killing) : this.#taskCard(node, place, strings, killing))
    }
    this.#hint = label('', 4, this.#heightOfApp + BAND_TOP + OUTSIDE_HEIGHT / 2 + 5, 'hint')
    this.element.append(this.#hint, this.#outsideBoxes)
    this.#resize()
  }

  update(task: string, figures: TaskFigures): void {
    const drawn = this.#figures.get(task)
    if (drawn === undefined) return
    drawn.card.setAttribute('data-state', figures.state)
    const rate = figures.inPerSecond === null ? '—' : `${figures.ratesOf === 'offsets' && figures.inPerSecond > 0 ? '≈' : ''}${shortNumber(figures.inPerSecond)}`
    drawn.text.textContent = `${rate}/s · ${this.#strings.lag} ${figures.lagRecords === null ? '—' : shortNumber(figures.lagRecords)}`
    const url = figures.job?.url ?? null
    if (url !== null && /^https?:\/\//.test(url)) drawn.engine?.setAttribute('href', url)
    else drawn.engine?.removeAttribute('href')
  }

  /** Clients from outside; `hint` says where one may connect, and is shown while none does. */
  updateOutside(clients: readonly OutsideClient[], hint: string): void {
    this.#hint.textContent = clients.length === 0 ? hint : ''
    const drawn = JSON.stringify(clients)
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    for (const id of this.#slots.keys()) if (!clients.some(client => client.id === id)) this.#slots.delete(id)
    this.#outsideEdges.replaceChildren()
    this.#outsideBoxes.replaceChildren(...clients.map(client => this.#outsideBox(client)))
    this.#resize()
  }

  #resize(): void {
    const [width, height] = [this.#columns * COLUMN_WIDTH + 8, this.#heightOfApp + BAND_TOP + this.#bandRows * OUTSIDE_ROW_HEIGHT]
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height })) this.element.setAttribute(name, String(value))
  }

  #outsideBox(client: OutsideClient): SVGGElement {
    const slot = this.#slotOf(client)
    const place: Place = { x: 4 + slot.column * COLUMN_WIDTH, y: this.#heightOfApp + BAND_TOP + slot.row * OUTSIDE_ROW_HEIGHT + OUTSIDE_HEIGHT / 2, halfHeight: OUTSIDE_HEIGHT / 2 }
    const box = make('g', { class: client.isGone ? 'outside gone' : 'outside', transform: `translate(${place.x} ${place.y - place.halfHeight})` })
    const title = make('title', {})
    const uses = [...client.reads.map(topic => `← ${topic}`), ...client.writes.map(topic => `→ ${topic}`)]
    title.textContent = [client.name, client.about, client.isGone ? this.#strings.client_gone : '', ...uses].filter(text => text !== '').join('\n')
    const about = client.isGone ? this.#strings.client_gone : uses.length === 0 ? this.#strings.client_looks : client.about
    box.append(title, make('rect', { width: BOX_WIDTH, height: OUTSIDE_HEIGHT, rx: 8 }), label(cut(client.name), 10, 18, 'name'), label(cut(about, ABOUT_CHARACTERS), 10, 35, 'figures'))
    for (const [topics, reads] of [[client.reads, true], [client.writes, false]] as const) {
      for (const topic of topics) {
        const at = this.#places.get(`topic:${topic}`)
        if (at !== undefined) this.#outsideEdges.append(outsideArrow(at, place, reads, client.isGone))
      }
    }
    return box
  }

  /** Right of what it reads, left of what it writes, on the first free place of that column. */
  #slotOf(client: OutsideClient): { readonly column: number, readonly row: number } {
    const known = this.#slots.get(client.id)
    if (known !== undefined) return known
    const columnOf = (topic: string | undefined): number | undefined => {
      const at = topic === undefined ? undefined : this.#places.get(`topic:${topic}`)
      return at === undefined ? undefined : Math.round((at.x - 4) / COLUMN_WIDTH)
    }
    const read = client.reads.map(columnOf).find(column => column !== undefined)
    const written = client.writes.map(columnOf).find(column => column !== undefined)
    const column = Math.max(0, Math.min(this.#columns - 1, read !== undefined ? read + 1 : written !== undefined ? written - 1 : 0))
    let row = 0
    while ([...this.#slots.values()].some(slot => slot.column === column && slot.row === row)) row++
    const slot = { column, row }
    this.#slots.set(client.id, slot)
    this.#bandRows = Math.max(this.#bandRows, row + 1)
    return slot
  }

  #taskCard(node: ViewNode, place: Place, strings: Strings, killing: Killing | undefined): SVGGElement {
    const card = make('g', { class: `task ${node.kind}`, transform: `translate(${place.x} ${place.y - TASK_HEIGHT / 2})`, 'data-state': 'absent' })
    card.append(make('rect', { width: BOX_WIDTH, height: TASK_HEIGHT, rx: 8 }), label(cut(node.name), 10, node.engine === null ? 22 : 19, 'name'))
    const figures = label('', 10, node.engine === null ? 43 : 50, 'figures')
    card.append(figures)
    let engine: SVGAElement | undefined
    if (node.engine !== null) {
      // Leads to the engine's own page, where it has one.
      engine = make('a', { target: '_blank', rel: 'noreferrer' })
      engine.append(label(node.engine, 10, 35, 'engine'))
      card.append(engine)
    }
    // What somebody else runs has no process here.
    if (killing !== undefined && node.engine !== 'external') {
      const button = killButton(fill(strings.kill_of, { name: node.name }), `translate(${BOX_WIDTH - 40} 5)`, () => killing.task(node.name))
      button.append(make('rect', { width: 34, height: 19, rx: 5 }), label(strings.kill, 17, 13.5, 'kill-text'))
      card.append(button)
    }
    this.#figures.set(node.name, { card, text: figures, engine })
    return card
  }
}

function topicPill(node: ViewNode, place: Place, strings: Strings, killing: Killing | undefined): SVGGElement {
  const pill = make('g', { class: 'topic', transform: `translate(${place.x} ${place.y - TOPIC_HEIGHT / 2})` })
  const title = make('title', {})
  title.textContent = node.name
  pill.append(title, make('rect', { width: BOX_WIDTH, height: TOPIC_HEIGHT, rx: TOPIC_HEIGHT / 2 }), label(node.name.length > TOPIC_CHARACTERS ? `…${node.name.slice(1 - TOPIC_CHARACTERS)}` : node.name, BOX_WIDTH / 2 - 6, 19.5, 'topic-name'))
  if (killing !== undefined) {
    const button = killButton(fill(strings.kill_broker_of, { name: node.name }), `translate(${BOX_WIDTH - 24} 6)`, killing.broker)
    button.classList.add('kill-broker')
    button.append(make('rect', { width: 18, height: 18, rx: 9 }), label('×', 9, 13.5, 'kill-text'))
    pill.append(button)
  }
  return pill
}

/** Not ours to kill. */
function targetBox(node: ViewNode, place: Place): SVGGElement {
  const box = make('g', { class: 'target', transform: `translate(${place.x} ${place.y - TARGET_HEIGHT / 2})` })
  const title = make('title', {})
  title.textContent = `${node.name} ${node.detail ?? ''}`
  box.append(
    title, make('path', { class: 'target-shape', d: `M${SLANT} 0H${BOX_WIDTH}L${BOX_WIDTH - SLANT} ${TARGET_HEIGHT}H0z` }),
    label(cut(node.name), SLANT + 6, 18, 'name'), label(cut(node.detail ?? '', ABOUT_CHARACTERS), SLANT + 2, 35, 'figures'),
  )
  return box
}

function killButton(what: string, transform: string, onKill: () => void): SVGGElement {
  const button = make('g', { class: 'kill', role: 'button', tabindex: 0, 'aria-label': what, transform })
  const title = make('title', {})
  title.textContent = what
  button.append(title)
  button.addEventListener('click', onKill)
  button.addEventListener('keydown', event => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    onKill()
  })
  return button
}

/** To the right; an edge that closes a cycle goes back below the boxes. */
function arrow(from: Place, to: Place): SVGPathElement {
  const [x1, x2] = [from.x + BOX_WIDTH, to.x - 3]
  if (x2 > x1) {
    const middle = (x1 + x2) / 2
    return make('path', { class: 'edge', d: `M${x1} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${x2} ${to.y}`, 'marker-end': 'url(#arrow-head)' })
  }
  const [fromX, toX, fromY, toY] = [from.x + BOX_WIDTH / 2, to.x + BOX_WIDTH / 2, from.y + from.halfHeight, to.y + to.halfHeight + 3]
  const below = Math.max(fromY, toY) + 30
  return make('path', { class: 'edge', d: `M${fromX} ${fromY}C${fromX} ${below} ${toX} ${below} ${toX} ${toY}`, 'marker-end': 'url(#arrow-head)' })
}

function outsideArrow(topic: Place, box: Place, reads: boolean, isGone: boolean): SVGPathElement {
  const [topicX, boxX, topicY, boxY] = [topic.x + BOX_WIDTH / 2, box.x + BOX_WIDTH / 2, topic.y + topic.halfHeight, box.y - box.halfHeight]
  const middle = (topicY + boxY) / 2
  const d = reads ? `M${topicX} ${topicY}C${topicX} ${middle} ${boxX} ${middle} ${boxX} ${boxY - 3}` : `M${boxX} ${boxY}C${boxX} ${middle} ${topicX} ${middle} ${topicX} ${topicY + 3}`
  return make('path', { class: isGone ? 'edge outside-edge gone' : 'edge outside-edge', d, 'marker-end': 'url(#arrow-head)' })
}

function arrowHead(): SVGMarkerElement {
  const marker = make('marker', { id: 'arrow-head', viewBox: '0 0 8 8', refX: 6, refY: 4, markerWidth: 4.5, markerHeight: 4.5, orient: 'auto' })
  marker.append(make('path', { class: 'arrow-head', d: 'M0 0.5L7.5 4L0 7.5z' }))
  return marker
}

function cut(text: string, charactersMax = NAME_CHARACTERS): string {
  return text.length > charactersMax ? `${text.slice(0, charactersMax - 1)}…` : text
}

function label(text: string, x: number, y: number, className: string): SVGTextElement {
  const element = make('text', { x, y, class: className })
  element.textContent = text
  return element
}
