/**
 * The status server: the page with the graph, kill buttons and the ledger; `GET /api/status`, `/metrics`, `/healthz`; `POST /api/job`; a
 * WebSocket `/live` that pushes the same JSON once a second.
 *
 * Binds loopback. Nothing of the network is put into HTML here: the page's script writes it with textContent.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { type WebSocket, WebSocketServer } from 'ws'
import { ERROR_CODES, messageOf, MillraceError } from '../base/errors.ts'
import type { JobStatus } from '../engines/engine.ts'
import type { Graph } from './graph.ts'
import { Guard } from './guard.ts'
import type { ShownEvent } from './happened.ts'
import { type JobRequest, parseJobRequest } from './job-request.ts'
import type { LedgerAccount } from './ledger.ts'
import type { OutsideClient, Refused } from './outside.ts'
import type { AppGraph } from '../topology/describe.ts'
import type { Advice } from '../planner/advice-facts.ts'
import type { OptionRow } from '../topology/options.ts'
import { prometheusText } from './prometheus.ts'
import type { AppStatus } from './status.ts'

export interface ShownProcess {
  readonly name: string
  readonly kind: string
  /** The one task that it runs, where there is one. */
  readonly task: string | null
  readonly state: string
  readonly pid: number | null
  readonly restarts: number
  readonly kills: number
  readonly gapMs: number | null
  /** Why it ended, where that was not a kill: an error frame, in lines. */
  readonly error: string | null
}

/** What the page gets, once a second. */
export interface Live {
  readonly status: AppStatus
  readonly processes: readonly ShownProcess[]
  readonly ledger: LedgerAccount | null
  /** `off`: at least once, so that a kill doubles; `null` where this process cannot change it. */
  readonly guard: 'on' | 'off' | null
  /** Newest last. */
  readonly events: readonly ShownEvent[]
  readonly links: readonly { readonly name: string, readonly url: string }[]
  /** Where clients connect: `host:port`. */
  readonly kafka: string
  /** Of its tasks and topics, as they were declared or set. */
  readonly options: readonly OptionRow[]
  /** Who reads and writes what, as `millrace topology --json` has it. */
  readonly edges: AppGraph['edges']
  /** What holds it up, and what to change: as `millrace advise` says it, the gravest first. */
  readonly advice: readonly Advice[]
  /** Clients that are no part of the app. */
  readonly outside: readonly OutsideClient[]
  /** What clients asked for and is not served by the embedded broker; of another cluster nobody tells. */
  readonly refused: readonly Refused[]
}

export interface StatusServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly graph: Graph
  readonly live: () => Live
  /** SIGKILLs a process by name; false where it does not run. Left out: no kill buttons. */
  readonly kill?: ((name: string) => boolean) | undefined
  readonly setGuard?: ((on: boolean) => Promise<void>) | undefined
  /** Whether a verifier counts beside the app. */
  readonly hasLedger?: boolean | undefined
  /** Starts, stops and rescales a task on another engine; resolves when that is done. Left out: there is none. */
  readonly control?: ((request: JobRequest) => Promise<JobStatus>) | undefined
}

export interface StatusServer {
  readonly port: number
  /** Tells all pages now: something happened. */
  push(): void
  close(): Promise<void>
}

const browserFolder = fileURLToPath(new URL('./browser/', import.meta.url))
const ASSETS: Readonly<Record<string, string>> = { 'status.js': 'text/javascript', 'advice-view.js': 'text/javascript', 'advice-strings.js': 'text/javascript', 'advice-evidence.js': 'text/javascript', 'strings.js': 'text/javascript', 'graph-view.js': 'text/javascript', 'jobs-view.js': 'text/javascript', 'elements.js': 'text/javascript', 'status.css': 'text/css' }
const PUSH_INTERVAL_MS = 1000
const SOCKETS_MAX = 64

export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const guard = new Guard({ dataImages: true })
  const app = routes(options, guard)
  const { server, port } = await listen(app, options)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 4096, perMessageDeflate: false })
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const allowed = url.pathname === '/live' && sockets.clients.size < SOCKETS_MAX && guard.allowsUpgrade(request.headers, url.searchParams.get('token'))
    if (!allowed) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, client => push(client, options.live()))
  })
  const pushAll = (): void => {
    if (sockets.clients.size === 0) return
    const live = options.live()
    for (const client of sockets.clients) push(client, live)
  }
  const timer = setInterval(pushAll, PUSH_INTERVAL_MS)
  return {
    port,
    push: pushAll,
    async close() {
      clearInterval(timer)
      for (const client of sockets.clients) client.terminate()
      await new Promise<void>(resolve => { server.close(() => resolve()); server.closeAllConnections() })
    },
  }
}

function push(client: WebSocket, live: Live): void {
  // A reader that cannot keep up skips frames: each one is complete.
  if (client.bufferedAmount < 1_000_000) client.send(JSON.stringify(live))
}

function routes(options: StatusServerOptions, guard: Guard): Hono {
  const app = new Hono()
  app.use('*', guard.middleware)
  app.get('/', context => context.html(page(guard.token, options)))
  for (const [name, type] of Object.entries(ASSETS)) app.get(`/assets/${name}`, context => context.body(readFileSync(browserFolder + name), 200, { 'Content-Type': type }))
  app.get('/api/status', context => context.json(options.live()))
  app.get('/api/graph', context => context.json(options.graph))
  // For programs of this machine, which could as well read it out of the page. A page of another origin can read neither.
  app.get('/api/token', context => context.json({ token: guard.token }))
  app.get('/metrics', context => {
    const live = options.live()
    return context.text(prometheusText(live.status, live.ledger ?? undefined), 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
  app.get('/healthz', context => {
    const failed = options.live().status.tasks.filter(task => task.state === 'failed').map(task => task.task)
    return context.json({ ok: failed.length === 0, failed }, failed.length === 0 ? 200 : 503)
  })
  app.post('/api/kill', async context => {
    const name = textField(await context.req.json().catch(() => undefined), 'name')
    if (options.kill === undefined || name === undefined) return context.json({ error: 'POST { "name": "…" } of a process in /api/status' }, 400)
    return options.kill(name) ? context.json({ killed: name }) : context.json({ error: `${name} is not running` }, 404)
  })
  app.post('/api/guard', async context => {
    const on = textField(await context.req.json().catch(() => undefined), 'guard')
    if (options.setGuard === undefined || (on !== 'on' && on !== 'off')) return context.json({ error: 'POST { "guard": "on" | "off" }' }, 400)
    await options.setGuard(on === 'on')
    return context.json({ guard: on })
  })
  app.post('/api/job', async context => {
    const { control } = options
    try {
      const request = parseJobRequest(await context.req.json().catch(() => undefined))
      if (control === undefined) throw new MillraceError('USAGE', 'This app has no task on another engine.')
      return context.json({ name: request.name, job: await control(request) })
    } catch (error) {
      const code = error instanceof MillraceError ? error.code : 'INTERNAL'
      return context.json({ error: messageOf(error), code }, ERROR_CODES[code] === ERROR_CODES.USAGE ? 400 : 502)
    }
  })
  return app
}

function textField(body: unknown, name: string): string | undefined {
  const fields = new Map<string, unknown>(typeof body === 'object' && body !== null ? Object.entries(body) : [])
  const value = fields.get(name)
  return typeof value === 'string' ? value : undefined
}

/** The graph and the token are ours, base64url and JSON; `<` is escaped so that a name cannot end the element. */
function page(token: string, options: StatusServerOptions): string {
  const data = JSON.stringify({ token, graph: options.graph, canKill: options.kill !== undefined, canGuard: options.setGuard !== undefined, canControl: options.control !== undefined, hasLedger: options.hasLedger === true }).replace(/</g, '\\u003c')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/status.css">
<script type="application/json" id="page-data">${data}</script>
<script type="module" src="/assets/status.js"></script>
<main id="page"></main>
</html>
`
}

function listen(app: Hono, options: StatusServerOptions): Promise<{ server: Server, port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port, serverOptions: { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16_384 } }, info => resolve({ server: http, port: info.port }))
    // `serve` without a `createServer` of ours makes a plain node:http server.
    const http = server as Server
    http.maxConnections = 256
    http.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE'
      ? new MillraceError('PORT_IN_USE', `Port ${options.port} is in use by another process. Stop that process, or choose another port.`, { cause: error, detail: { port: options.port } })
      : error))
  })
}
