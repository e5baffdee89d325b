/** Events from outside, checked: what `POST /events` takes, one or a list. */
import { isEventType } from '../model/session.ts'
import type { ShopEvent } from '../topics.ts'
import { itemOf } from './catalogue.ts'

export const EVENTS_PER_POST_MAX = 1000
const TEXT_MAX = 200
/** An event may come late, but not from a future that would close other visitors' sessions. */
const AHEAD_MAX_MS = 60_000
const SOURCES = new Set(['for-you', 'because', 'trending', 'recent', 'search', 'category', 'direct'])

export interface Ingested {
  readonly visitor: string
  readonly event: ShopEvent
}

/** The events of a body, or what is wrong with it. */
export function readEvents(body: unknown, defaults: { readonly visitor: string | undefined; readonly now: number }): Ingested[] | string {
  const list: readonly unknown[] = Array.isArray(body) ? body : [body]
  if (list.length > EVENTS_PER_POST_MAX) return `at most ${EVENTS_PER_POST_MAX} events in one request`
  const events: Ingested[] = []
  for (const [index, entry] of list.entries()) {
    const event = readEvent(entry, defaults)
    if (typeof event === 'string') return `event ${index + 1}: ${event}`
    events.push(event)
  }
  return events
}

function readEvent(entry: unknown, { visitor: ownVisitor, now }: { readonly visitor: string | undefined; readonly now: number }): Ingested | string {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return 'not an object'
  const field = (name: string): unknown => Object.hasOwn(entry, name) ? Reflect.get(entry, name) : undefined
  const text = (name: string): string => {
    const value = field(name)
    return typeof value === 'string' && value.length <= TEXT_MAX ? value : ''
  }
  const visitor = text('visitor') || (ownVisitor ?? '')
  const item = text('item')
  const type = text('type') || 'view'
  if (visitor === '' || visitor.startsWith('#')) return `"visitor" must be a text of 1 to ${TEXT_MAX} characters that does not start with #`
  if (item === '' || item.startsWith('#')) return `"item" must be a text of 1 to ${TEXT_MAX} characters that does not start with #`
  if (!isEventType(type)) return '"type" must be view, cart, remove or purchase'
  const at = field('at') ?? now
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0 || at > now + AHEAD_MAX_MS) return '"at" must be epoch milliseconds, not in the future'
  const known = itemOf(item)
  const price = field('price') ?? known?.price
  if (price !== undefined && (typeof price !== 'number' || !(price >= 0))) return '"price" must be a number of at least 0'
  const source = text('source') || 'direct'
  const session = text('session')
  return {
    visitor,
    event: {
      type, item, at, price,
      category: text('category') || known?.category,
      source: SOURCES.has(source) ? source : 'direct',
      session: session === '' ? undefined : session,
      received: now,
    },
  }
}
