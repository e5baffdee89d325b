/**
 * What a client shows to a broker and asks of it: TLS, and a log-in by SASL. The same shape for code, for worker threads and for what
 * a properties file says (`security-properties.ts`).
 */
import type { TlsClientOptions } from '../env/env.ts'
import type { ScramMechanism } from '../wire/scram.ts'

export interface SecurityOptions {
  /** `true`: TLS with the authorities that Node trusts. */
  readonly tls?: boolean | TlsClientOptions | undefined
  readonly sasl?: SaslOptions | undefined
}

export type SaslOptions =
  | { readonly mechanism: 'PLAIN', readonly username: string, readonly password: string }
  | { readonly mechanism: ScramMechanism, readonly username: string, readonly password: string }
  | { readonly mechanism: 'OAUTHBEARER', readonly token: TokenSource }

/** The token, or what gives a new one: asked at each log-in, also when one is renewed. */
export type TokenSource = string | (() => string | Promise<string>)

export function tlsOptionsOf(security: SecurityOptions | undefined): TlsClientOptions | undefined {
  const tls = security?.tls
  return tls === true ? {} : tls === false ? undefined : tls
}

/** A token of the source, for whoever asks on behalf of a thread. Rejects where no token is wanted. */
export async function tokenOf(security: SecurityOptions | undefined): Promise<string> {
  const sasl = security?.sasl
  if (sasl?.mechanism !== 'OAUTHBEARER') throw new TypeError('a token is asked for, and the log-in is not by token')
  return typeof sasl.token === 'string' ? sasl.token : await sasl.token()
}

/** Plain data for a worker thread: a function cannot go there, so its thread asks here (`asksForToken`). */
export interface PlainSecurity {
  readonly security: SecurityOptions | undefined
  readonly asksForToken: boolean
}

export function plainSecurity(security: SecurityOptions | undefined): PlainSecurity {
  const sasl = security?.sasl
  if (sasl?.mechanism !== 'OAUTHBEARER' || typeof sasl.token === 'string') return { security, asksForToken: false }
  return { security: { tls: security?.tls, sasl: { mechanism: 'OAUTHBEARER', token: '' } }, asksForToken: true }
}

/** In the thread: `ask` gets a token from where the function is. */
export function securityOfPlain({ security, asksForToken }: PlainSecurity, ask: () => Promise<string>): SecurityOptions | undefined {
  return asksForToken ? { tls: security?.tls, sasl: { mechanism: 'OAUTHBEARER', token: ask } } : security
}
