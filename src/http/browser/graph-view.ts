/** Draws the graph as SVG: pills for topics, cards for tasks with their rate and lag, a kill button on each task. */
import type { Strings } from './strings.ts'
import { fill } from './strings.ts'

export interface ViewNode { readonly id: string, readonly kind: 'topic' | 'task' | 'foreign', readonly name: string, readonly column: number, readonly row: number }
export interface ViewGraph { readonly nodes: readonly ViewNode[], readonly edges: readonly { readonly from: string, readonly to: string }[], readonly columns: number, readonly rows: number }
export interface TaskFigures { readonly state: string, readonly inPerSecond: number, readonly lagRecords: number | null }

const COLUMN_WIDTH = 176
const ROW_HEIGHT = 84
const BOX_WIDTH = 148
const TASK_HEIGHT = 58
const TOPIC_HEIGHT = 30
const SVG = 'http://www.w3.org/2000/svg'

export class GraphView {
  readonly element: SVGSVGElement
  readonly #figures = new Map<string, { readonly card: SVGGElement, readonly text: SVGTextElement }>()

  constructor(graph: ViewGraph, strings: Strings, onKill: ((task: string) => void) | undefined) {
    const width = graph.columns * COLUMN_WIDTH + 8
    const height = graph.rows * ROW_HEIGHT + 8
    this.element = make('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'graph', role: 'img', 'aria-label': strings.graph })
    const counts = new Map<number, number>()
    for (const node of graph.nodes) counts.set(node.column, (counts.get(node.column) ?? 0) + 1)
    const placeOf = (node: ViewNode): { x: number, y: number } => ({ x: 4 + node.column * COLUMN_WIDTH, y: (node.row + 0.5 + (graph.rows - (counts.get(node.column) ?? 0)) / 2) * ROW_HEIGHT })
    const places = new Map(graph.nodes.map(node => [node.id, placeOf(node)]))
    for (const edge of graph.edges) {
      const from = places.get(edge.from)
      const to = places.get(edge.to)
      if (from !== undefined && to !== undefined) this.element.append(arrow(from.x + BOX_WIDTH, from.y, to.x, to.y))
    }
    for (const node of graph.nodes) {
      const place = places.get(node.id)
      if (place !== undefined) this.element.append(node.kind === 'topic' ? topicPill(node, place) : this.#taskCard(node, place, strings, onKill))
    }
  }

  update(task: string, figures: TaskFigures): void {
    const drawn = this.#figures.get(task)
    if (drawn === undefined) return
    drawn.card.setAttribute('data-state', figures.state)
    drawn.text.textContent = `${shortNumber(figures.inPerSecond)}/s · ${figures.lagRecords === null ? 'n/a' : shortNumber(figures.lagRecords)}`
  }

  #taskCard(node: ViewNode, place: { x: number, y: number }, strings: Strings, onKill: ((task: string) => void) | undefined): SVGGElement {
    const card = make('g', { class: `task ${node.kind}`, transform: `translate(${place.x} ${place.y - TASK_HEIGHT / 2})`, 'data-state': 'absent' })
    card.append(make('rect', { width: BOX_WIDTH, height: TASK_HEIGHT, rx: 8 }), label(node.name, 10, 22, 'name'))
    const figures = label('', 10, 43, 'figures')
    card.append(figures)
    if (onKill !== undefined) {
      const button = make('g', { class: 'kill', role: 'button', tabindex: 0, 'aria-label': fill(strings.kill_of, { name: node.name }), transform: `translate(${BOX_WIDTH - 40} 32)` })
      button.append(make('rect', { width: 34, height: 19, rx: 5 }), label(strings.kill, 17, 13.5, 'kill-text'))
      button.addEventListener('click', () => onKill(node.name))
      button.addEventListener('keydown', event => { if (event.key === 'Enter' || event.key === ' ') onKill(node.name) })
      card.append(button)
    }
    this.#figures.set(node.name, { card, text: figures })
    return card
  }
}

function topicPill(node: ViewNode, place: { x: number, y: number }): SVGGElement {
  const pill = make('g', { class: 'topic', transform: `translate(${place.x} ${place.y - TOPIC_HEIGHT / 2})` })
  const title = make('title', {})
  title.textContent = node.name
  pill.append(title, make('rect', { width: BOX_WIDTH, height: TOPIC_HEIGHT, rx: TOPIC_HEIGHT / 2 }), label(node.name.length > 20 ? `…${node.name.slice(-19)}` : node.name, BOX_WIDTH / 2, 19.5, 'topic-name'))
  return pill
}

function arrow(x1: number, y1: number, x2: number, y2: number): SVGPathElement {
  const middle = x2 > x1 ? (x1 + x2) / 2 : x1 + 40
  const backwards = x2 > x1 ? (x1 + x2) / 2 : x2 - 40
  return make('path', { class: 'edge', d: `M${x1} ${y1}C${middle} ${y1} ${backwards} ${y2} ${x2} ${y2}` })
}

function label(text: string, x: number, y: number, className: string): SVGTextElement {
  const element = make('text', { x, y, class: className })
  element.textContent = text
  return element
}

function make<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Readonly<Record<string, string | number>>): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value))
  return element
}

export function shortNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toString() : value.toFixed(1)
}
