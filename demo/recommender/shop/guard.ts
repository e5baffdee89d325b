/**
 * Who may talk to the shop's server: this machine's browser on this server's own pages, and machines that post events as JSON.
 *
 * G1. The Host header must be this server by a loopback name and its port, else 421 (DNS rebinding).
 * G2. What changes something is POST and JSON from our own origin, with the token of this start; `POST /events` alone needs no token,
 *     so that curl can send events, but a browser of another origin still cannot (no CORS, JSON needs a preflight).
 * G3. Every answer says that only this server's scripts run, and that nobody frames it.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
export const TOKEN_HEADER = 'x-millrace-token'

export class Guard {
  readonly token = randomBytes(18).toString('base64url')
  readonly #hosts: ReadonlySet<string>
  readonly #openPosts: ReadonlySet<string>

  constructor(options: { readonly port: number; readonly openPosts: readonly string[] }) {
    this.#hosts = new Set(['localhost', '127.0.0.1', '[::1]'].map(host => `${host}:${options.port}`))
    this.#openPosts = new Set(options.openPosts)
  }

  readonly middleware: MiddlewareHandler = async (context, next) => {
    const refused = this.#refusal(context)
    if (refused !== undefined) return refused
    await next()
    context.header('Content-Security-Policy', POLICY)
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
    context.header('Cross-Origin-Resource-Policy', 'same-origin')
    return undefined
  }

  /** A WebSocket needs all three: host, origin and token. */
  allowsUpgrade(headers: { readonly host?: string | undefined; readonly origin?: string | undefined }, token: string | null): boolean {
    return this.#isOurHost(headers.host) && headers.origin === `http://${headers.host ?? ''}` && this.#isToken(token ?? '')
  }

  #refusal(context: Context): Response | undefined {
    const host = context.req.header('host')
    if (!this.#isOurHost(host)) return context.text('This server answers on localhost only.\n', 421)
    if (context.req.method === 'GET' || context.req.method === 'HEAD') return undefined
    if (context.req.method !== 'POST') return context.text('Only GET and POST are served.\n', 405)
    if (!/^application\/json\b/i.test(context.req.header('content-type') ?? '')) return context.text('POST takes application/json.\n', 415)
    const origin = context.req.header('origin')
    if (origin !== undefined && origin !== `http://${host ?? ''}`) return context.text('Pages of other origins change nothing here.\n', 403)
    if (!this.#openPosts.has(context.req.path) && !this.#isToken(context.req.header(TOKEN_HEADER) ?? '')) return context.text('Load the page again: it belongs to an earlier start of this server.\n', 403)
    return undefined
  }

  #isOurHost(host: string | undefined): boolean {
    return host !== undefined && this.#hosts.has(host)
  }

  #isToken(given: string): boolean {
    const expected = Buffer.from(this.token)
    const bytes = Buffer.from(given)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  }
}
