/**
 * The shop in Chromium: what is pushed to the page, and how fast. Broker and tasks run in processes of their own, the shop in this one.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { WebSocket } from 'ws'
import { Admin, Cluster, realEnv } from 'millrace/client'
import app, { topics } from '../../../demo/recommender/app.ts'
import { startShop, type RunningShop } from '../../../demo/recommender/shop/server.ts'
import { ITEMS } from '../../../demo/recommender/shop/catalogue.ts'
import { startBroker, type BrokerProcess } from '../../support/broker.ts'
import { Chromium, type Page } from '../../support/chromium.ts'
import { freePorts } from '../../support/kafka.ts'
import { need, ROOT } from '../../support/need.ts'
import { mustRun, startProcess, type Started } from '../../support/processes.ts'
import { readTopic } from '../../support/read-topic.ts'

need('chromium', 'kcat')

const APP = pathToFileURL(join(ROOT, 'dist', 'demo', 'recommender', 'app.js')).href
const folder = mkdtempSync(join(tmpdir(), 'millrace-shop-'))
let broker: BrokerProcess
let tasks: Started
let shop: RunningShop
let second: RunningShop
let chromium: Chromium

before(async () => {
  broker = await startBroker({})
  const bootstrap = bootstrapOf(broker)
  tasks = startProcess(process.execPath, [join(ROOT, 'dist', 'test', 'real', 'shop', 'tasks-process.js'), APP, bootstrap, folder])
  await tasks.waitFor(/running/, 60_000)
  shop = await startShop({ env: realEnv, bootstrap, port: 0, shoppers: 20 })
  second = await startShop({ env: realEnv, bootstrap, port: 0 })
  chromium = await Chromium.start()
  // The first lists are there once the history has gone through.
  await until('lists of simulated shoppers', () => (shop.stats().eventToPageMs?.count ?? 0) > 20, 120_000)
}, { timeout: 240_000 })

after(async () => {
  await second?.close()
  await shop?.close()
  await tasks?.kill('SIGTERM')
  await broker?.remove()
  rmSync(folder, { recursive: true, force: true })
  await chromium?.close()
})

function bootstrapOf(started: BrokerProcess): string {
  return started.bootstrap
}

async function until(what: string, isTrue: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`never came: ${what}\n${tasks.stderr()}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const visitorOf = (page: Page): Promise<string> => page.evaluate<string>('JSON.parse(document.body.dataset.page).visitor')
const cardsOf = (page: Page, row: string): Promise<string[]> => page.evaluate<string[]>(`[...document.querySelectorAll('[data-row="${row}"] [data-item]')].map(card => card.dataset.item)`)
const live = "document.querySelector('#live.on')"

async function produceWithKcat(topic: string, key: string, value: object): Promise<void> {
  await mustRun('kcat', ['-P', '-b', bootstrapOf(broker), '-t', topic, '-K', '\t', '-X', 'acks=all', '-X', 'topic.partitioner=murmur2_random'], { input: `${key}\t${JSON.stringify(value)}\n` })
}

/** One event as somebody else's client sends it. */
async function sendWithKcat(visitor: string, item: string): Promise<void> {
  await produceWithKcat('shop.events', visitor, { type: 'view', item, at: Date.now(), category: item.split('-')[0] })
}

test('the first byte of the page has recommendations, names and pictures, before any script', async () => {
  const html = await (await fetch(shop.url)).text()
  assert.match(html, /data-row="for-you"/)
  assert.ok((html.match(/class="card"/g) ?? []).length >= 8)
  assert.match(html, /<span class="name">[^<]{4,}<\/span>/)
  const picture = await fetch(`${shop.url}pictures/mug-1.svg`)
  assert.equal(picture.headers.get('content-type'), 'image/svg+xml')
})

test('an event sent with kcat changes the page without navigation and without a request that a timer made', { timeout: 120_000 }, async () => {
  const page = await chromium.open(shop.url)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  assert.equal(page.navigations, 0)
  const requests = (): string[] => page.requests.filter(request => !request.includes('/pictures/'))
  const asked = requests().length
  await sendWithKcat(visitor, 'rug-1')
  await page.waitFor("document.querySelector('[data-row=\"recent\"] [data-item=\"rug-1\"]')")
  await page.waitFor("document.querySelector('#rail-entries .rail-entry')")
  const forYou = await cardsOf(page, 'for-you')
  assert.ok(forYou.length > 0 && !forYou.includes('rug-1'))
  assert.match(await page.evaluate<string>("document.querySelector('#rail').innerText"), /shop\.events \d+@\d+[\s\S]*recommend/)
  await sendWithKcat(visitor, 'mug-2')
  await page.waitFor("document.querySelector('[data-row=\"recent\"] [data-item]')?.dataset.item === 'mug-2'")
  // A second more of nothing: no timer asks for anything.
  await new Promise(resolve => setTimeout(resolve, 1000))
  assert.equal(page.navigations, 0)
  assert.deepEqual(requests().slice(asked), [])
  assert.deepEqual(page.errors, [])
  page.close()
})

interface PageTimes { readonly acknowledged: number, readonly pushed: number, readonly at: number }

/** A second socket of the same visitor, in this process as the shop is: when the shop had the list and sent it. */
async function alsoLooking(page: Page, onRows: (item: string, at: number) => void): Promise<WebSocket> {
  const token = await page.evaluate<string>('JSON.parse(document.body.dataset.page).token')
  const socket = new WebSocket(`ws://localhost:${shop.port}/live?token=${encodeURIComponent(token)}&lang=en`, { headers: { cookie: `visitor=${await visitorOf(page)}`, origin: shop.url.replace(/\/$/, '') } })
  socket.on('message', data => {
    const at = Date.now()
    const item = /"name":"recent".*?"id":"([^"]+)"/.exec(String(data))?.[1]
    if (item !== undefined) onRows(item, at)
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return socket
}

/** Where the time goes: what each hop of these events took, by the clocks in the lists. */
async function sayHops(visitor: string, shown: ReadonlyMap<string, PageTimes>, say: (text: string) => void): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: bootstrapOf(broker) })
  const hops: Record<string, number[]> = { 'taken → acknowledged': [], 'taken → sessionized': [], 'sessionized → recommended': [], 'recommended → pushed': [], 'pushed → shown': [] }
  for (const { key, value } of await readTopic(cluster, topics.recs.name)) {
    if (key?.toString() !== visitor || value === null) continue
    const list = topics.recs.value.deserialize(value, 0, value.length)
    const page = shown.get(list.item)
    if (page === undefined || list.received === 0) continue
    const times = [page.acknowledged - list.received, list.sessionized - list.received, list.recommended - list.sessionized, page.pushed - list.recommended, page.at - page.pushed]
    Object.values(hops).forEach((each, index) => each.push(times[index] ?? Number.NaN))
  }
  await cluster.close()
  for (const [hop, times] of Object.entries(hops)) {
    times.sort((a, b) => a - b)
    say(`${hop}: p50 ${times[Math.floor(0.5 * times.length)] ?? '-'} ms, p90 ${times[Math.floor(0.9 * times.length)] ?? '-'} ms (${times.length})`)
  }
}

test('from the acknowledgement of an event to the changed page', { timeout: 120_000 }, async t => {
  const page = await chromium.open(shop.url)
  await page.waitFor(live)
  await page.evaluate(`(() => {
    window.shownAt = []
    new MutationObserver(() => window.shownAt.push(Date.now())).observe(document.body, { attributes: true, attributeFilter: ['data-shown'] })
  })()`)
  const pushed = new Map<string, number>()
  const socket = await alsoLooking(page, (item, at) => { if (!pushed.has(item)) pushed.set(item, at) })
  const milliseconds: number[] = []
  const shown = new Map<string, PageTimes>()
  for (const item of ITEMS.filter(candidate => !candidate.isNew).slice(0, 60)) {
    const seen = await page.evaluate<number>('window.shownAt.length')
    const acknowledged = await page.evaluate<number>(`fetch('/events', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ item: '${item.id}' }) }).then(answer => answer.json()).then(answer => answer.acknowledged)`)
    await page.waitFor(`document.querySelector('[data-row="recent"] [data-item]')?.dataset.item === '${item.id}'`)
    // Not the last but the first change after the event: shoppers change other rows meanwhile.
    const at = await page.evaluate<number>(`window.shownAt[${seen}]`)
    shown.set(item.id, { acknowledged, pushed: pushed.get(item.id) ?? Number.NaN, at })
    milliseconds.push(Math.max(0, at - acknowledged))
  }
  milliseconds.sort((a, b) => a - b)
  const at = (share: number): number => milliseconds[Math.floor(share * milliseconds.length)] ?? Number.NaN
  t.diagnostic(`produce ack to page, ${milliseconds.length} events: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms`)
  await sayHops(await visitorOf(page), shown, text => t.diagnostic(text))
  socket.terminate()
  assert.ok(at(0.5) < 1000, `p50 ${at(0.5)} ms`)
  page.close()
})

/** What the tasks made of this visitor, in a topic with its visitors as keys. */
async function valuesOf(topic: string, visitor: string): Promise<Record<string, unknown>[]> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: bootstrapOf(broker) })
  try {
    return (await readTopic(cluster, topic)).filter(record => record.key === visitor && record.value !== null).map(({ value }) => JSON.parse(String(value)) as Record<string, unknown>) // Written by the tasks.
  } finally {
    await cluster.close()
  }
}

async function untilTold(topic: string, visitor: string, what: string, holds: (values: Record<string, unknown>[]) => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!holds(await valuesOf(topic, visitor))) {
    assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(await valuesOf(topic, visitor))}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

test('a visitor follows a card, puts it into the cart, is given a hint at high intent, and buys: all without a new document', { timeout: 120_000 }, async () => {
  const page = await chromium.open('about:blank')
  // A visitor who has done nothing yet.
  await page.send('Network.clearBrowserCookies', {})
  await page.navigate(`${shop.url}item/lamp-1`)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  const item = await page.evaluate<string>("(() => { const card = document.querySelector('[data-row=\"for-you\"] [data-item]'); card.click(); return card.dataset.item })()")
  await page.waitFor(`location.pathname === '/item/${item}' && document.querySelector('#product [data-act="cart"]') !== null && document.querySelector('#product img').src.endsWith('/pictures/${item}.svg')`)
  await page.evaluate("document.querySelector('#product [data-act=\"cart\"]').click()")
  await page.waitFor("document.querySelector('#cart-count').textContent === '1'")
  await untilTold('intent', visitor, 'an intent after each of three events', intents => intents.length >= 3)
  assert.equal(await page.evaluate<boolean>("document.querySelector('#hint').hidden || !document.querySelector('#hint').innerText.includes('42 %')"), true)
  const hinted = page.waitFor("!document.querySelector('#hint').hidden && /42 %.*something in the cart/.test(document.querySelector('#hint').innerText)")
  await produceWithKcat('intent', visitor, { at: Date.now(), item, probability: 0.42, because: ['has cart'] })
  await hinted
  await page.evaluate("document.querySelector('#product [data-act=\"purchase\"]').click()")
  await page.waitFor("document.querySelector('#hint').hidden && document.querySelector('#cart-count').textContent === '0'")
  await untilTold('session.clicks', visitor, 'view, view, cart, purchase', clicks => clicks.map(click => String(click['type'])).join(' ') === 'view view cart purchase')
  await page.waitFor(`![...document.querySelectorAll('[data-row="for-you"] [data-item]')].some(card => card.dataset.item === '${item}')`)
  assert.equal(page.navigations, 0)
  assert.deepEqual(page.errors, [])
  page.close()
})

test('what is trending changes the page; the slider changes the traffic; quality, click-through and conversion stand there with their counts', { timeout: 120_000 }, async () => {
  const page = await chromium.open(shop.url)
  await page.waitFor(live)
  const trending = page.waitFor("document.querySelector('[data-row=\"trending\"] [data-item]')?.dataset.item === 'teapot-4'", 30_000)
  const items = ['teapot-4', 'rug-3', 'vase-1', 'clock-3', 'mug-4']
  await produceWithKcat('hot.top', 'all', { at: Date.now(), epoch: 0, items, sums: items.map(() => 1), totalEpoch: 0, total: 5 })
  await trending
  assert.equal(page.navigations, 0)
  const slide = (count: number): Promise<void> => page.evaluate(`(() => { const slider = document.querySelector('#shoppers'); slider.value = '${count}'; slider.dispatchEvent(new Event('change', { bubbles: true })) })()`)
  for (const count of [70, 20]) {
    await slide(count)
    await page.waitFor(`document.querySelector('#shoppers-count').textContent === '${count}'`)
    await until(`${count} shoppers`, () => shop.stats().shoppers === count, 10_000)
  }
  for (const figure of ['ours-hr', 'popularity-hr', 'ours-mrr', 'popularity-mrr', 'ours-novel', 'popularity-novel']) await page.waitFor(`/^[01]\\.\\d{3}$/.test(document.querySelector('#${figure}').textContent)`)
  const groups = await page.evaluate<string[][]>("[...document.querySelectorAll('#groups tr')].slice(1).map(line => [...line.querySelectorAll('td')].map(cell => cell.textContent))")
  assert.equal(groups.length, 2)
  for (const cell of groups.flat()) assert.match(cell, /^\d+\.\d %\n\d+\.\d to \d+\.\d\n[\d,]+ of [\d,]+$/)
  assert.match(await page.evaluate<string>('document.body.innerText'), /One visitor in ten sees popular items \(simulated\)[\s\S]*are simulated, and so are their figures/)
  page.close()
  const compared = await chromium.open(`${shop.url}?group=popularity`)
  await compared.waitFor(live)
  const visitor = await visitorOf(compared)
  await sendWithKcat(visitor, 'rug-1')
  await compared.waitFor("/comparison group/.test(document.querySelector('[data-row=\"for-you\"] h2').textContent) && document.querySelector('#rail-entries .rail-entry') !== null")
  await untilTold('recs', visitor, 'a list of what is popular', lists => lists.some(list => list['group'] === 'popularity'))
  compared.close()
})

test('any instance serves any visitor, and a page that comes back gets the current list', { timeout: 120_000 }, async () => {
  const page = await chromium.open(shop.url)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  await sendWithKcat(visitor, 'vase-2')
  await page.waitFor("document.querySelector('[data-row=\"recent\"] [data-item=\"vase-2\"]')")
  const here = await cardsOf(page, 'for-you')
  page.close()
  await sendWithKcat(visitor, 'vase-3')
  const cookie = { cookie: `visitor=${visitor}` }
  const htmlOf = async (url: string): Promise<string> => (await fetch(url, { headers: cookie })).text()
  const recent = /data-row="recent".*?data-item="([^"]+)"/
  const deadline = Date.now() + 10_000
  while (recent.exec(await htmlOf(second.url))?.[1] !== 'vase-3' && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 50))
  for (const url of [shop.url, second.url]) assert.equal(recent.exec(await htmlOf(url))?.[1], 'vase-3')
  assert.notDeepEqual(here, [])
  // The web processes read without groups: those that there are belong to the tasks.
  const cluster = await Cluster.connect(realEnv, { bootstrap: bootstrapOf(broker) })
  try {
    const groups = (await new Admin(cluster).listGroups()).map(group => group.groupId)
    assert.deepEqual(groups.filter(group => !app.tasks.some(task => group === `${app.name}.${task.name}`)), [])
    assert.equal(groups.length, app.tasks.length)
  } finally {
    await cluster.close()
  }
})

test('a list that comes after a newer one changes nothing: the page drops it', { timeout: 120_000 }, async () => {
  const page = await chromium.open('about:blank')
  // The page's own socket, with everything that came over it.
  await page.send('Page.addScriptToEvaluateOnNewDocument', { source: `
    window.came = []
    window.WebSocket = class extends WebSocket {
      constructor(...address) {
        super(...address)
        window.pushing = this
        this.addEventListener('message', ({ data }) => window.came.push(data))
      }
    }` })
  await page.navigate(shop.url)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  const newestSeen = "document.querySelector('[data-row=\"recent\"] [data-item]')?.dataset.item"
  await sendWithKcat(visitor, 'rug-2')
  await page.waitFor(`${newestSeen} === 'rug-2'`)
  await sendWithKcat(visitor, 'lamp-3')
  await page.waitFor(`${newestSeen} === 'lamp-3'`)
  const shown = await page.evaluate<string>('document.body.dataset.shown')
  const again = await page.evaluate<number>(`(() => {
    const older = window.came.filter(data => JSON.parse(data).kind === 'rows' && JSON.parse(data).version < ${Number(shown)})
    for (const data of older) window.pushing.onmessage({ data })
    return older.length
  })()`)
  assert.ok(again > 0, 'lists older than the one shown had come')
  assert.equal(await page.evaluate<string>('document.body.dataset.shown'), shown)
  assert.equal(await page.evaluate<string>(newestSeen), 'lamp-3')
  page.close()
})

test('a page finds its server again when that was restarted, with the current list', { timeout: 120_000 }, async () => {
  const [port = 0] = await freePorts(1)
  const options = { env: realEnv, bootstrap: bootstrapOf(broker), port }
  const first = await startShop(options)
  const page = await chromium.open(first.url)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  await first.close()
  await page.waitFor("!document.querySelector('#live.on')")
  await sendWithKcat(visitor, 'clock-2')
  const again = await startShop(options)
  try {
    await page.reloaded(() => page.waitFor(`${live} && document.querySelector('[data-row="recent"] [data-item="clock-2"]')`, 20_000))
    assert.equal(await visitorOf(page), visitor)
  } finally {
    page.close()
    await again.close()
  }
})

test('the server answers its own pages only', async () => {
  const { port } = shop
  const get = async (headers: Record<string, string>): Promise<number> => {
    const { request } = await import('node:http')
    return new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/', headers }, answer => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      }).on('error', reject).end()
    })
  }
  assert.equal(await get({ host: `localhost:${port}` }), 200)
  assert.equal(await get({ host: `evil.example:${port}` }), 421)
  assert.equal(await get({ host: 'localhost:1' }), 421)
  const post = (path: string, headers: Record<string, string>, body: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body })
  const json = { 'content-type': 'application/json' }
  assert.equal((await post('/events', json, JSON.stringify({ visitor: 'curl', item: 'mug-1' }))).status, 200)
  assert.equal((await post('/events', { 'content-type': 'text/plain' }, '{}')).status, 415)
  assert.equal((await post('/events', { ...json, origin: 'http://evil.example' }, '{}')).status, 403)
  assert.equal((await post('/api/shoppers', json, '{"count":1}')).status, 403)
  assert.equal((await post('/events', json, 'no')).status, 400)
  const page = await fetch(shop.url)
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/)
  assert.equal(page.headers.get('access-control-allow-origin'), null)
  const token = /&#34;token&#34;:&#34;([^&]+)&#34;/.exec(await page.text())?.[1] ?? ''
  const upgrade = (origin: string | undefined, given: string): Promise<boolean> => new Promise(resolve => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live?token=${given}`, { headers: { cookie: 'visitor=abcdef12', ...(origin === undefined ? {} : { origin }) } })
    socket.once('open', () => {
      socket.terminate()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  assert.equal(await upgrade(`http://127.0.0.1:${port}`, token), true)
  assert.equal(await upgrade('http://evil.example', token), false)
  assert.equal(await upgrade(undefined, token), false)
  assert.equal(await upgrade(`http://127.0.0.1:${port}`, 'wrong'), false)
})

test('what comes from outside is text on the page, never markup', { timeout: 60_000 }, async () => {
  const page = await chromium.open(shop.url)
  await page.waitFor(live)
  const visitor = await visitorOf(page)
  await sendWithKcat(visitor, '<img src=x onerror=alert(1)>')
  await page.waitFor("document.querySelector('#rail-entries .rail-entry')")
  assert.match(await page.evaluate<string>("document.querySelector('#rail').innerText"), /<img src=x/)
  assert.equal(await page.evaluate<number>("document.querySelectorAll('#rail img').length"), 0)
  page.close()
})

test('Chinese: names, rows and the rail', { timeout: 60_000 }, async () => {
  const page = await chromium.open(`${shop.url}item/mug-3?lang=zh`, { width: 390, height: 844, isPhone: true })
  await page.waitFor(live)
  await page.waitFor("document.querySelector('#rail-entries .rail-entry')")
  assert.equal(await page.evaluate<string>("document.querySelector('#product h1').textContent"), '青瓷马克杯')
  assert.match(await page.evaluate<string>("document.querySelector('#rail').innerText"), /您浏览了 青瓷马克杯/)
  // Nothing is wider than the phone.
  assert.ok(await page.evaluate<number>('document.documentElement.scrollWidth') <= 390)
  page.close()
})
