/** The shop's HTTP routes. GET changes nothing but the visitor's cookie; everything else is POST and JSON (`Guard` of millrace/http). */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Hono, type Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { bodyLimit } from 'hono/body-limit'
import type { Guard } from 'millrace/http'
import { isInComparison } from '../tasks/recommend.ts'
import { categoryOf, ITEMS, itemOf, type Item } from './catalogue.ts'
import { readEvents, type Ingested } from './ingest.ts'
import type { Numbers, Row } from './messages.ts'
import { gridCards, renderPage } from './page.ts'
import { pictureOf } from './picture.ts'
import { cardOf } from './rows.ts'
import { SHOPPERS_MAX } from './shoppers.ts'
import { fill, LANGUAGES, STRINGS, type Language } from './strings.ts'

export const VISITOR_COOKIE = 'visitor'
const LANGUAGE_COOKIE = 'lang'
const BODY_MAX = 1024 * 1024

/** What the routes need of the shop. */
export interface RoutesHost {
  readonly guard: Guard
  readonly now: () => number
  rows(visitor: string, language: Language): { readonly rows: readonly Row[]; readonly version: number }
  numbers(language: Language): Numbers
  stats(): unknown
  /** Resolves when the events are acknowledged; gives their partitions' ack time. */
  ingest(events: readonly Ingested[]): Promise<void>
  /** `undefined` where this process simulates nobody. */
  readonly backstage: undefined | { setShoppers(count: number): void; shiftTrend(): { style: number; category: string }; addNew(): Item | undefined }
}

const browserFolder = fileURLToPath(new URL('../browser/', import.meta.url))
const ASSETS: Readonly<Record<string, string>> = { 'shop.js': 'text/javascript', 'draw.js': 'text/javascript', 'cart.js': 'text/javascript', 'shop.css': 'text/css' }

export function routes(host: RoutesHost): Hono {
  const app = new Hono()
  app.use('*', host.guard.middleware)
  app.use('*', bodyLimit({ maxSize: BODY_MAX, onError: context => context.text(`A body has at most ${BODY_MAX} bytes.\n`, 413) }))
  app.get('/', context => page(host, context, { path: '/', category: 'all' }))
  app.get('/cart', context => page(host, context, { path: '/cart', isCart: true }))
  app.get('/category/:id', context => {
    const id = context.req.param('id')
    return id === 'all' || categoryOf(id) !== undefined ? page(host, context, { path: `/category/${id}`, category: id }) : notFound(context)
  })
  app.get('/item/:id', context => {
    const item = itemOf(context.req.param('id'))
    return item === undefined ? notFound(context) : page(host, context, { path: `/item/${item.id}`, item })
  })
  app.get('/pictures/:name', context => picture(context))
  app.get('/assets/:name', context => asset(context))
  app.get('/api/catalogue', context => catalogue(context))
  app.get('/api/stats', context => context.json(host.stats() as object))
  app.get('/healthz', context => context.text('ok\n'))
  app.post('/events', context => ingest(host, context))
  addBackstage(app, host)
  app.notFound(notFound)
  return app
}

interface PageAt {
  readonly path: string
  readonly item?: Item
  readonly category?: string
  readonly isCart?: boolean
}

function page(host: RoutesHost, context: Context, at: PageAt): Response {
  const language = languageOf(context)
  const visitor = visitorOf(context)
  const { rows, version } = host.rows(visitor, language)
  const data = { token: host.guard.token, visitor, language, version, item: at.item?.id ?? '', category: at.item?.category ?? '', price: at.item?.price ?? 0 }
  context.header('Cache-Control', 'no-store')
  const html = renderPage({
    data, language, rows, item: at.item, category: at.category, isCart: at.isCart ?? false, path: at.path,
    numbers: host.numbers(language), shoppersMax: SHOPPERS_MAX, canSimulate: host.backstage !== undefined,
  })
  return context.html(html) as Response
}

/** A visitor is a random cookie. Who asks for it (`?group=popularity`) becomes one of the comparison group; a new browser else is none of it, so that it sees the shop. */
function visitorOf(context: Context): string {
  const known = getCookie(context, VISITOR_COOKIE)
  const wanted = context.req.query('group') === 'popularity'
  if (known !== undefined && /^[0-9a-z]{4,40}$/.test(known) && (!wanted || isInComparison(known))) return known
  let visitor: string
  do visitor = randomBytes(8).toString('hex'); while (isInComparison(visitor) !== wanted)
  setCookie(context, VISITOR_COOKIE, visitor, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 30 * 86_400 })
  return visitor
}

function languageOf(context: Context): Language {
  const asked = LANGUAGES.find(language => language === context.req.query('lang'))
  if (asked !== undefined) {
    setCookie(context, LANGUAGE_COOKIE, asked, { sameSite: 'Strict', path: '/', maxAge: 365 * 86_400 })
    return asked
  }
  const kept = LANGUAGES.find(language => language === getCookie(context, LANGUAGE_COOKIE))
  return kept ?? (/^zh/i.test(context.req.header('accept-language') ?? '') ? 'zh' : 'en')
}

function notFound(context: Context): Response {
  return context.text(`${STRINGS[languageOf(context)].notFound}\n`, 404)
}

function picture(context: Context): Response {
  const item = itemOf((context.req.param('name') ?? '').replace(/\.svg$/, ''))
  if (item === undefined) return notFound(context)
  return context.body(pictureOf(item), 200, { 'Content-Type': 'image/svg+xml', 'Cache-Control': 'public, max-age=86400' })
}

function asset(context: Context): Response {
  const name = context.req.param('name') ?? ''
  const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined
  if (type === undefined) return notFound(context)
  return context.body(readFileSync(`${browserFolder}${name}`, 'utf8'), 200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-cache' })
}

/** For moving about without loading: cards of a category, or one item. */
function catalogue(context: Context): Response {
  const language = languageOf(context)
  const item = itemOf(context.req.query('item') ?? '')
  if (item !== undefined) return context.json({ card: cardOf(item.id, language, '', 0), category: item.category, price: item.price })
  const category = context.req.query('category') ?? 'all'
  if (category !== 'all' && categoryOf(category) === undefined) return notFound(context)
  return context.json({ cards: gridCards(category, language) })
}

async function ingest(host: RoutesHost, context: Context): Promise<Response> {
  const body = await jsonOf(context)
  if (body === undefined) return context.json({ error: 'the body is not JSON' }, 400)
  const events = readEvents(body, { visitor: getCookie(context, VISITOR_COOKIE), now: host.now() })
  if (typeof events === 'string') return context.json({ error: events }, 400)
  await host.ingest(events)
  return context.json({ accepted: events.length, acknowledged: host.now() })
}

/** `undefined` where it is not JSON. */
async function jsonOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json<unknown>()
  } catch {
    return undefined
  }
}

function addBackstage(app: Hono, { backstage }: RoutesHost): void {
  if (backstage === undefined) return
  app.post('/api/shoppers', async context => {
    const body = await jsonOf(context)
    const count = typeof body === 'object' && body !== null && 'count' in body ? body.count : undefined
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > SHOPPERS_MAX) return context.json({ error: `"count" must be a whole number from 0 to ${SHOPPERS_MAX}` }, 400)
    backstage.setShoppers(count)
    return context.json({ count })
  })
  app.post('/api/trend', context => {
    const language = languageOf(context)
    const trend = backstage.shiftTrend()
    const example = ITEMS.find(item => item.style === trend.style && item.category === trend.category)
    return context.json({ note: fill(STRINGS[language].trendShifted, { what: example?.names[language] ?? '' }) })
  })
  app.post('/api/new', context => {
    const language = languageOf(context)
    const item = backstage.addNew()
    return context.json({ note: item === undefined ? '' : fill(STRINGS[language].newAdded, { what: item.names[language] }) })
  })
}
