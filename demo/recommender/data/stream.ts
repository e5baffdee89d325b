/**
 * A real stream of events, read whole: what a replay sends, in the order of time.
 *
 * R1. Events are in order of time, ties in the order of files and lines. They are moved apart by 2 ms where they are closer, within the second of
 *     a source that counts in seconds: a paced replay needs a moment between any two (evaluate/pacing.ts).
 * R2. A line that cannot be read is reported with its number and counted, never dropped in silence.
 * R3. `isScored` marks the events of the last day's sessions; `isTraining` what a frozen model may have seen.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MillraceError } from 'millrace'
import type { EventType } from '../model/session.ts'
import { isEventType } from '../model/session.ts'
import { csvFields } from './csv.ts'
import { linesOf, type Line } from './lines.ts'

export const FORMATS = ['serenade', 'retail', 'jsonl'] as const
export type Format = typeof FORMATS[number]

export interface StreamEvent {
  readonly visitor: string
  readonly session: string
  readonly type: EventType
  readonly item: string
  readonly category: string
  readonly price: number
  at: number
  isScored: boolean
  isTraining: boolean
}

export interface EventStream {
  readonly events: readonly StreamEvent[]
  readonly skipped: number
  /** Baskets: an item is never repeated, and the basket's own items are no answer. */
  readonly isBasket: boolean
}

export interface ReadOptions {
  readonly path: string
  readonly format: Format
  /** Called for each line that cannot be read. */
  readonly onSkipped: (file: string, line: number, reason: string) => void
}

type Parsed = { readonly kind: 'event'; readonly event: StreamEvent } | { readonly kind: 'skipped'; readonly reason: string } | { readonly kind: 'header' }

const DAY_MS = 86_400_000
const APART_MS = 2

export async function readStream(options: ReadOptions): Promise<EventStream> {
  const events: StreamEvent[] = []
  let skipped = 0
  const files = filesOf(options.path, options.format)
  for (const file of files) {
    const part = basename(file).replace(/\..*$/, '')
    for await (const line of linesOf(file)) {
      const parsed = parseLine(options.format, line)
      if (parsed.kind === 'event') {
        parsed.event.isScored = part === 'test'
        parsed.event.isTraining = part === 'train'
        events.push(parsed.event)
      } else if (parsed.kind === 'skipped') {
        skipped += 1
        options.onSkipped(file, line.number, parsed.reason)
      }
    }
  }
  const isSplit = files.length > 1 && events.some(event => event.isScored) && events.some(event => event.isTraining)
  events.sort((a, b) => a.at - b.at)
  if (!isSplit) splitByLastDay(events)
  makeDistinct(events)
  return { events, skipped, isBasket: options.format === 'retail' }
}

/** Of a folder, the files that belong to the format: for `serenade` train, valid and test, in this order. */
function filesOf(path: string, format: Format): string[] {
  if (!existsSync(path)) throw new MillraceError('USAGE', `${path}: no such file or folder. Give --events a file, a .gz, or a folder of such files.`)
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).sort()
  const endings: Record<Format, RegExp> = { serenade: /^(train|valid|test)\.(txt|tsv)(\.gz)?$/, retail: /\.csv(\.gz)?$/, jsonl: /\.(jsonl|ndjson)(\.gz)?$/ }
  const order = ['train', 'valid', 'test']
  const files = names.filter(name => endings[format].test(name))
  if (files.length === 0) throw new MillraceError('USAGE', `${path}: no file of format ${format} in this folder (expected ${String(endings[format])}).`)
  if (format === 'serenade') files.sort((a, b) => order.indexOf(a.replace(/\..*$/, '')) - order.indexOf(b.replace(/\..*$/, '')))
  return files.map(name => join(path, name))
}

/** Where no files say so, the scored sessions are those that begin on the last day, and everything before that day is training. */
function splitByLastDay(events: StreamEvent[]): void {
  const last = events.at(-1)
  if (last === undefined) return
  const dayStart = Math.floor(last.at / DAY_MS) * DAY_MS
  const earlier = new Set<string>()
  for (const event of events) {
    event.isTraining = event.at < dayStart
    if (event.isTraining) earlier.add(event.session === '' ? event.visitor : event.session)
  }
  for (const event of events) event.isScored = !event.isTraining && (event.session === '' || !earlier.has(event.session))
}

/** R1. */
function makeDistinct(events: StreamEvent[]): void {
  let last = 0
  for (const event of events) {
    event.at = Math.max(event.at, last + APART_MS)
    last = event.at
  }
}

function parseLine(format: Format, line: Line): Parsed {
  switch (format) {
    case 'serenade': return parseSerenade(line)
    case 'retail': return parseRetail(line)
    case 'jsonl': return parseJson(line)
  }
}

function eventOf(fields: Pick<StreamEvent, 'visitor' | 'session' | 'type' | 'item' | 'category' | 'price' | 'at'>): Parsed {
  return { kind: 'event', event: { ...fields, isScored: false, isTraining: false } }
}

const skip = (reason: string): Parsed => ({ kind: 'skipped', reason })

function parseSerenade({ text, number }: Line): Parsed {
  if (number === 1 && text.startsWith('SessionId')) return { kind: 'header' }
  const [session, item, seconds, ...more] = text.split('\t')
  if (session === undefined || item === undefined || seconds === undefined || more.length > 0) return skip('expected three columns: SessionId, ItemId, Time')
  const at = Math.round(Number(seconds) * 1000)
  if (session === '' || item === '' || seconds.trim() === '' || !Number.isSafeInteger(at) || at < 0) return skip('empty id, or a time that is not a number')
  return eventOf({ visitor: session, session, type: 'view', item, category: '', price: 0, at })
}

function parseRetail({ text, number }: Line): Parsed {
  if (number === 1 && text.startsWith('InvoiceNo')) return { kind: 'header' }
  const fields = csvFields(text)
  const [invoice, item, , quantity, date, price] = fields ?? []
  if (fields?.length !== 8 || invoice === undefined || item === undefined) return skip('expected eight columns')
  if (invoice.startsWith('C')) return skip('a cancellation')
  const at = Date.parse(`${date?.replace(' ', 'T') ?? ''}Z`)
  if (invoice === '' || item === '' || Number.isNaN(at)) return skip('empty id, or a date that cannot be read')
  if (!(Number(quantity) > 0)) return skip('a quantity that is not above 0')
  return eventOf({ visitor: invoice, session: invoice, type: 'purchase', item, category: '', price: Number(price) || 0, at })
}

function parseJson({ text }: Line): Parsed {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return skip('not JSON')
  }
  if (typeof value !== 'object' || value === null) return skip('not an object')
  const field = (name: string): unknown => Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
  const visitor = textOf(field('visitor'))
  const item = textOf(field('item'))
  const type = textOf(field('type')) || 'view'
  const time = field('at')
  const at = typeof time === 'number' ? time : Date.parse(textOf(time))
  if (visitor === '' || item === '') return skip('expected "visitor" and "item"')
  if (!isEventType(type)) return skip(`"type" is none of view, cart, remove, purchase`)
  if (!Number.isSafeInteger(at) || at < 0) return skip('expected "at": epoch milliseconds or an ISO time')
  return eventOf({ visitor, session: textOf(field('session')), type, item, category: textOf(field('category')), price: Number(field('price') ?? 0) || 0, at })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}
