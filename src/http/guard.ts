/**
 * What every HTTP server of ours does before anything else: the browser is no friend just because it runs on this machine.
 *
 * W1. The Host header must name this server by loopback (or a name that was allowed), and by its port where that is known: DNS rebinding gets 421.
 * W2. A request that changes something is POST, JSON, from our own origin, and carries the token of this start; else it is refused. Paths of machine
 *     ingest need no token, so that curl can send; a browser of another origin still cannot (no CORS, and JSON needs a preflight).
 * W3. Every answer carries a content security policy that allows scripts of this server only, and no framing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'

export interface GuardOptions {
  /** Host names that may be asked for, beside localhost, 127.0.0.1 and [::1]. */
  readonly hosts?: readonly string[] | undefined
  /** That of the server; any without it. */
  readonly port?: number | undefined
  /** Paths of machine ingest that take JSON by POST without the page's token. */
  readonly openPosts?: readonly string[] | undefined
  /** Pages may show images that are part of themselves (`data:`). */
  readonly dataImages?: boolean | undefined
}

export const TOKEN_HEADER = 'x-millrace-token'

export class Guard {
  /** Of this start: pages carry it, requests that change something give it back in `TOKEN_HEADER`. */
  readonly token: string = randomBytes(18).toString('base64url')
  readonly #hosts: ReadonlySet<string>
  readonly #port: number | undefined
  readonly #openPosts: ReadonlySet<string>
  readonly #policy: string

  constructor(options: GuardOptions = {}) {
    this.#hosts = new Set(['localhost', '127.0.0.1', '[::1]', ...options.hosts ?? []])
    this.#port = options.port
    this.#openPosts = new Set(options.openPosts)
    this.#policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'${options.dataImages === true ? ' data:' : ''}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  }

  readonly middleware: MiddlewareHandler = async (context, next) => {
    const refused = this.#refusal(context)
    if (refused !== undefined) return refused
    await next()
    context.header('Content-Security-Policy', this.#policy)
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
    context.header('Cross-Origin-Resource-Policy', 'same-origin')
    return undefined
  }

  /** For WebSocket upgrades: host, origin and token (as `?token=`) are all needed. */
  allowsUpgrade(headers: { readonly host?: string | undefined; readonly origin?: string | undefined }, token: string | null): boolean {
    return this.#isOurHost(headers.host) && headers.origin === `http://${headers.host ?? ''}` && this.#isToken(token ?? '')
  }

  #refusal(context: Context): Response | undefined {
    const host = context.req.header('host')
    if (!this.#isOurHost(host)) return context.text('Misdirected request: this server answers on loopback names only.\n', 421)
    if (context.req.method === 'GET' || context.req.method === 'HEAD') return undefined
    if (context.req.method !== 'POST') return context.text('Only GET and POST are served.\n', 405)
    if (!/^application\/json\b/i.test(context.req.header('content-type') ?? '')) return context.text('POST takes application/json.\n', 415)
    const origin = context.req.header('origin')
    if (origin !== undefined && origin !== `http://${host ?? ''}`) return context.text('Requests from other origins change nothing here.\n', 403)
    if (!this.#openPosts.has(context.req.path) && !this.#isToken(context.req.header(TOKEN_HEADER) ?? '')) return context.text('The token of this start is missing: load the page again.\n', 403)
    return undefined
  }

  #isOurHost(host: string | undefined): boolean {
    const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(host ?? '') ?? []
    return this.#hosts.has(name) && (this.#port === undefined || port === String(this.#port))
  }

  #isToken(given: string): boolean {
    const expected = Buffer.from(this.token)
    const bytes = Buffer.from(given)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  }
}
