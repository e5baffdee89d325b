/**
 * The shop's web server: pages, pictures, event ingest, and a WebSocket that pushes rows as the visitor and everyone else acts.
 *
 * For whoever starts it: `startShop({ env, bootstrap, port, … })` connects to the cluster, makes the shop's topics where they are missing, reads
 * `recs`, `hot.top`, `intent` and `metrics` whole, and serves on loopback. It runs no task: those are `app.ts`, in processes of their own. As many shops
 * as wanted may run on one cluster; let one of them simulate shoppers (`shoppers: undefined` for the others).
 *
 * W1. Push is push: nothing in the page asks on a timer; the server sends when a record of `recs` arrives.
 * W2. Nothing is kept here that is not in a topic: a restarted server shows the same rows.
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { MillraceError } from 'millrace'
import { Admin, Cluster, type Env } from 'millrace/client'
import { Guard } from 'millrace/http'
import { WebSocketServer } from 'ws'
import { ensureTopics, TopicWriter } from '../links.ts'
import { topics as shopTopics } from '../app.ts'
import { isInComparison } from '../tasks/recommend.ts'
import type { Intent, RecommenderTopics } from '../topics.ts'
import { Feed } from './feed.ts'
import { hintOf } from './hint.ts'
import type { Ingested } from './ingest.ts'
import type { KnownList } from './known-lists.ts'
import { Latencies } from './latency.ts'
import { numbersOf } from './numbers.ts'
import { railOf } from './rail.ts'
import { routes, type RoutesHost } from './routes.ts'
import { rowsOf, trendingRow } from './rows.ts'
import type { ShopperEvent } from './shoppers.ts'
import { LANGUAGES, type Language } from './strings.ts'
import { type History, Traffic } from './traffic.ts'
import { tell, Visitors, type Looking } from './visitors.ts'

export interface ShopOptions {
  readonly env: Env
  readonly bootstrap: string
  /** 0 takes a free one. */
  readonly port: number
  /** Default 127.0.0.1. Only loopback is served. */
  readonly host?: '127.0.0.1' | '::1' | undefined
  /** Simulated shoppers at the start; `undefined`: this process simulates none. */
  readonly shoppers?: number | undefined
  /** Of the shoppers. Default 1. */
  readonly seed?: number | undefined
  /** What a new shop begins with; that of the demo without it. */
  readonly history?: History | undefined
  /** Default: those of `app.ts`. */
  readonly topics?: RecommenderTopics | undefined
  readonly onError?: ((error: Error) => void) | undefined
}

export interface ShopStats {
  readonly shoppers: number
  readonly pages: number
  readonly eventsPerSecond: number
  /** From the web server taking an event to its list being here to be pushed, over the last 250; `null` before the first. */
  readonly eventToPageMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly count: number } | null
}

export interface RunningShop {
  readonly port: number
  readonly url: string
  stats(): ShopStats
  close(): Promise<void>
}

const NUMBERS_EVERY_MS = 1000
const PAGES_MAX = 256
/** Half a minute of 50 shoppers: what is shown is how it is now. */
const LATENCIES_KEPT = 250
const TYPES_KEPT_MAX = 1000
const HISTORY_MS_MAX = 20_000

export async function startShop(options: ShopOptions): Promise<RunningShop> {
  const cluster = await Cluster.connect(options.env, { bootstrap: options.bootstrap, clientId: 'millrace-shop' })
  try {
    return await new Shop(options, cluster).start()
  } catch (error) {
    await cluster.close()
    throw error
  }
}

class Shop {
  readonly #options: ShopOptions
  readonly #cluster: Cluster
  readonly #topics: RecommenderTopics
  readonly #visitors = new Visitors()
  readonly #latencies = new Latencies(LATENCIES_KEPT)
  readonly #feed: Feed
  readonly #onError: (error: Error) => void
  /** What the last events of browsers were, by visitor and time, for the rail's words. */
  readonly #types = new Map<string, string>()
  #writer: TopicWriter | undefined
  #traffic: Traffic | undefined
  #isReady = false
  #historyEnd: { readonly visitor: string; readonly at: number; readonly listed: () => void } | undefined
  #listsSeen = 0
  #listsPerSecond = 0

  constructor(options: ShopOptions, cluster: Cluster) {
    this.#options = options
    this.#cluster = cluster
    this.#topics = options.topics ?? shopTopics
    this.#onError = options.onError ?? (() => {})
    this.#feed = new Feed(cluster, this.#topics, {
      onList: (visitor, list) => this.#pushList(visitor, list),
      onHot: () => this.#pushTrending(),
      onIntent: (visitor, intent) => this.#pushHint(visitor, intent),
    }, this.#onError)
  }

  async start(): Promise<RunningShop> {
    await ensureTopics(this.#cluster, Object.values(this.#topics))
    const writer = await TopicWriter.open(this.#cluster, [this.#topics.events])
    this.#writer = writer
    await this.#feed.start()
    this.#isReady = true
    const traffic = this.#options.shoppers === undefined ? undefined : this.#makeTraffic(writer)
    this.#traffic = traffic
    const isNew = await this.#isNew()
    const { server, port, guard } = await this.#listen()
    const sockets = this.#acceptSockets(server, guard)
    // Pages are served meanwhile: a new shop's history takes a second or two.
    if (traffic !== undefined) this.#startTraffic(traffic, isNew).catch((error: unknown) => this.#onError(error instanceof Error ? error : new Error(String(error))))
    const timer = setInterval(() => this.#pushNumbers(), NUMBERS_EVERY_MS)
    return {
      port,
      url: `http://localhost:${port}/`,
      stats: () => this.#stats(),
      close: async () => {
        clearInterval(timer)
        this.#traffic?.stop()
        for (const socket of sockets.clients) socket.terminate()
        server.closeAllConnections()
        await new Promise(resolve => server.close(resolve))
        await this.#feed.close()
        await writer.close()
        await this.#cluster.close()
      },
    }
  }

  #makeTraffic(writer: TopicWriter): Traffic {
    const { clock } = this.#options.env
    return new Traffic({
      seed: this.#options.seed ?? 1, writer, topics: this.#topics, now: () => clock.now(), history: this.#options.history, onError: this.#onError,
      rowOf: visitor => rowsOf({ language: 'en', list: this.#feed.listOf(visitor), hot: this.#feed.hot(), hotOf: name => this.#feed.hot(name), isCompared: isInComparison(visitor) })[0]?.cards.map(card => card.id) ?? [],
    })
  }

  async #startTraffic(traffic: Traffic, isNew: boolean): Promise<void> {
    // Who acts now is not to stand behind the hours of history: they come once its last list is here, or after a while where no tasks run.
    if (isNew) await this.#listAfter(await traffic.sendHistory())
    traffic.start(this.#options.shoppers ?? 0)
  }

  #listAfter(event: ShopperEvent | undefined): Promise<void> {
    if (event === undefined) return Promise.resolve()
    return new Promise(resolve => {
      this.#historyEnd = { visitor: event.visitor, at: event.at, listed: resolve }
      this.#options.env.clock.setTimer(resolve, HISTORY_MS_MAX, { background: true })
    })
  }

  async #isNew(): Promise<boolean> {
    const topic = this.#topics.events.name
    const partitions = (await this.#cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
    const ends = await new Admin(this.#cluster).listOffsets(partitions, 'latest')
    return ends.every(end => end.offset <= 0)
  }

  // ---------------------------------------------------------------- HTTP

  async #listen(): Promise<{ server: Server; port: number; guard: Guard }> {
    const host = this.#options.host ?? '127.0.0.1'
    // The guard must know the port it is asked for, which port 0 has only once it listens.
    let handler: ((request: Request) => Response | Promise<Response>) | undefined
    const server = await new Promise<Server>((resolve, reject) => {
      const started = serve({ fetch: request => handler?.(request) ?? new Response('starting\n', { status: 503 }), hostname: host, port: this.#options.port }, () => resolve(started as Server))
      started.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE'
        ? new MillraceError('PORT_IN_USE', `port ${this.#options.port} is taken: choose another with --shop-port`, { cause: error }) : error))
    })
    server.headersTimeout = 10_000
    server.requestTimeout = 30_000
    server.maxConnections = PAGES_MAX
    // A listening TCP server has an address of this kind.
    const { port } = server.address() as AddressInfo
    const guard = new Guard({ port, openPosts: ['/events'] })
    handler = routes(this.#routesHost(guard)).fetch
    return { server, port, guard }
  }

  #routesHost(guard: Guard): RoutesHost {
    const traffic = this.#traffic
    return {
      guard,
      now: () => this.#options.env.clock.now(),
      rows: (visitor, language) => {
        const list = this.#feed.listOf(visitor)
        return { rows: this.#rows(visitor, language, list), version: list?.version ?? -1 }
      },
      numbers: language => this.#numbers(language),
      stats: () => this.#stats(),
      ingest: events => this.#ingest(events),
      backstage: traffic === undefined ? undefined : {
        setShoppers: count => {
          traffic.shoppers.setCount(count, this.#options.env.clock.now())
          this.#pushNumbers()
        },
        shiftTrend: () => traffic.shoppers.shiftTrend(),
        addNew: () => traffic.shoppers.addNew(),
      },
    }
  }

  async #ingest(events: readonly Ingested[]): Promise<void> {
    for (const { visitor, event } of events) {
      this.#types.set(`${visitor} ${event.at}`, event.type)
      this.#writer?.send(this.#topics.events, visitor, event, event.at)
    }
    while (this.#types.size > TYPES_KEPT_MAX) {
      const oldest = this.#types.keys().next()
      if (oldest.done !== true) this.#types.delete(oldest.value)
    }
    await this.#writer?.flush()
  }

  #acceptSockets(server: Server, guard: Guard): WebSocketServer {
    const sockets = new WebSocketServer({ noServer: true, maxPayload: 4096, perMessageDeflate: false })
    server.on('upgrade', (request, socket, head) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const visitor = /(?:^|;\s*)visitor=([0-9a-z]{4,40})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1]
      const allowed = url.pathname === '/live' && visitor !== undefined && guard.allowsUpgrade(request.headers, url.searchParams.get('token'))
      if (!allowed) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
      const language = LANGUAGES.find(each => each === url.searchParams.get('lang')) ?? 'en'
      sockets.handleUpgrade(request, socket, head, client => this.#greet({ visitor, language, socket: client }))
    })
    return sockets
  }

  // ---------------------------------------------------------------- push

  #greet(looking: Looking): void {
    looking.socket.on('error', () => looking.socket.terminate())
    this.#visitors.add(looking)
    const list = this.#feed.listOf(looking.visitor)
    tell(looking, { kind: 'rows', rows: this.#rows(looking.visitor, looking.language, list), version: list?.version ?? -1, rail: null })
    tell(looking, { kind: 'numbers', numbers: this.#numbers(looking.language) })
  }

  #pushList(visitor: string, list: KnownList): void {
    if (!this.#isReady) return
    if (visitor === this.#historyEnd?.visitor && list.recs.at >= this.#historyEnd.at) this.#historyEnd.listed()
    this.#listsSeen += 1
    const now = this.#options.env.clock.now()
    if (list.recs.received > 0) this.#latencies.add(now - list.recs.received)
    for (const looking of this.#visitors.of(visitor)) {
      const { language } = looking
      const type = this.#types.get(`${visitor} ${list.recs.at}`) ?? 'view'
      const rail = railOf({ recs: list.recs, type, topic: this.#topics.events.name, now, language }) ?? null
      tell(looking, { kind: 'rows', rows: this.#rows(visitor, language, list), version: list.version, rail })
    }
  }

  #pushTrending(): void {
    for (const looking of this.#visitors.all()) tell(looking, { kind: 'trending', row: trendingRow(this.#feed.hot(), looking.language) })
  }

  #pushHint(visitor: string, intent: Intent): void {
    for (const looking of this.#visitors.of(visitor)) tell(looking, { kind: 'hint', hint: hintOf(intent, looking.language) ?? null })
  }

  #pushNumbers(): void {
    this.#listsPerSecond = 0.7 * this.#listsPerSecond + 0.3 * this.#listsSeen / (NUMBERS_EVERY_MS / 1000)
    this.#listsSeen = 0
    for (const looking of this.#visitors.all()) tell(looking, { kind: 'numbers', numbers: this.#numbers(looking.language) })
  }

  #rows(visitor: string, language: Language, list: KnownList | undefined): ReturnType<typeof rowsOf> {
    return rowsOf({ language, list, hot: this.#feed.hot(), hotOf: name => this.#feed.hot(name), isCompared: list?.recs.group === 'popularity' || isInComparison(visitor) })
  }

  #numbers(language: Language): ReturnType<typeof numbersOf> {
    return numbersOf({
      language, shoppers: this.#traffic?.shoppers.count ?? 0, eventsPerSecond: this.#listsPerSecond,
      ours: this.#feed.metricsOf('cooc'), compared: this.#feed.metricsOf('popularity'),
    })
  }

  #stats(): ShopStats {
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map(share => this.#latencies.percentile(share))
    return {
      shoppers: this.#traffic?.shoppers.count ?? 0,
      pages: this.#visitors.count,
      eventsPerSecond: this.#listsPerSecond,
      eventToPageMs: p50 === undefined || p90 === undefined || p99 === undefined ? null : { p50, p90, p99, count: this.#latencies.count },
    }
  }
}

