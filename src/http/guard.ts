/**
 * What every HTTP server of ours does before anything else: the browser is no friend just because it runs on this machine.
 *
 * W1. The Host header must name this server by loopback (or a name that was allowed): DNS rebinding gets 421.
 * W2. A request that changes something is POST, JSON, from our own origin, and carries the token of this start; else 403.
 * W3. Every answer carries a content security policy that allows scripts of this server only, and no framing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'

export interface GuardOptions {
  /** Host names without port that may be asked for, beside localhost, 127.0.0.1 and [::1]. */
  readonly hosts?: readonly string[] | undefined
  /** Paths of machine ingest that take JSON by POST without the page's token. */
  readonly openPosts?: readonly string[] | undefined
}

export interface Guard {
  readonly token: string
  readonly middleware: MiddlewareHandler
  /** For WebSocket upgrades: Host, Origin and token (as `?token=`) are checked here. */
  allowsUpgrade(headers: { readonly host?: string | undefined, readonly origin?: string | undefined }, token: string | null): boolean
}

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function createGuard(options: GuardOptions = {}): Guard {
  const token = randomBytes(18).toString('base64url')
  const hosts = new Set(['localhost', '127.0.0.1', '[::1]', ...options.hosts ?? []])
  const hostAllowed = (host: string | undefined): boolean => host !== undefined && hosts.has(host.replace(/:\d+$/, ''))
  const originAllowed = (origin: string | undefined, host: string | undefined): boolean => origin === undefined || origin === `http://${host ?? ''}`
  return {
    token,
    async middleware(context, next) {
      const host = context.req.header('host')
      if (!hostAllowed(host)) return context.text('Misdirected request: this server answers on loopback names only.\n', 421)
      if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
        const refused = refusal(context, token, originAllowed(context.req.header('origin'), host), options.openPosts?.includes(context.req.path) === true)
        if (refused !== undefined) return refused
      }
      await next()
      context.header('Content-Security-Policy', POLICY)
      context.header('X-Content-Type-Options', 'nosniff')
      context.header('Referrer-Policy', 'no-referrer')
      context.header('Cross-Origin-Resource-Policy', 'same-origin')
      return undefined
    },
    allowsUpgrade: (headers, given) => hostAllowed(headers.host) && headers.origin !== undefined && originAllowed(headers.origin, headers.host) && sameToken(token, given ?? ''),
  }
}

function refusal(context: Context, token: string, sameOrigin: boolean, open: boolean): Response | undefined {
  if (context.req.method !== 'POST') return context.text('Only GET and POST are served.\n', 405)
  if (!/^application\/json\b/.test(context.req.header('content-type') ?? '')) return context.text('POST takes application/json.\n', 415)
  if (!sameOrigin) return context.text('Requests from other origins change nothing here.\n', 403)
  if (!open && !sameToken(token, context.req.header('x-millrace-token') ?? '')) return context.text('The token of this start is missing: load the page again.\n', 403)
  return undefined
}

function sameToken(token: string, given: string): boolean {
  const a = Buffer.from(token)
  const b = Buffer.from(given)
  return a.length === b.length && timingSafeEqual(a, b)
}
