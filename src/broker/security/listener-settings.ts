/**
 * Where the broker listens and what it asks of those who come, from the options as people write them.
 *
 *   [PROTOCOL://]HOST:PORT      PROTOCOL as in Kafka: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
 *
 * P1. Without a protocol a listener asks for all that was set up: SASL where there are users, TLS where there is a certificate.
 * P2. Whoever is not on this machine proves who they are: a listener beyond loopback is refused without SASL or required client certificates.
 * P3. A password is never sent in plain text over a network: PLAIN is offered over TLS, and on loopback.
 */
import { MillraceError } from '../../base/errors.ts'
import type { TlsServerOptions } from '../../env/env.ts'
import type { BrokerOptions } from '../options.ts'

export const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
export type Protocol = typeof PROTOCOLS[number]
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface ListenerSettings extends HostPort {
  readonly protocol: Protocol
  readonly tls: TlsServerOptions | undefined
  /** None: SASL is not spoken here. */
  readonly mechanisms: readonly SaslMechanism[]
  /** What clients are told to connect to; without it the address by which they came. */
  readonly advertise: HostPort | undefined
}

export const PORT_DEFAULT = 9092

/** Throws `CONFIG_INVALID`. */
export function listenerSettings(options: BrokerOptions): ListenerSettings[] {
  const { tls, users, listen, advertise } = options
  const advertised = typeof advertise === 'string' ? [advertise] : advertise ?? []
  const written = listen === undefined || listen.length === 0 ? [bracketed(options.host ?? '127.0.0.1', options.port ?? PORT_DEFAULT)] : listen
  if (advertised.length > written.length) throw invalid(`${advertised.length} addresses are to be advertised for ${written.length} listeners: give at most one for each, in their order.`)
  if (tls?.clientAuth !== undefined && tls.clientAuth !== 'none' && tls.ca === undefined) throw invalid('Client certificates are asked for, and there is no CA that has signed them: give one (tls.ca, --tls-ca).')
  return written.map((text, index) => {
    const advertise = advertised[index]
    return settings(text, { tls, hasUsers: users !== undefined, advertise: advertise === undefined ? undefined : hostPort(advertise, 'advertise') })
  })
}

function settings(text: string, { tls, hasUsers, advertise }: { readonly tls: TlsServerOptions | undefined, readonly hasUsers: boolean, readonly advertise: HostPort | undefined }): ListenerSettings {
  const [, written, address = ''] = /^(?:([A-Za-z_]+):\/\/)?(.*)$/.exec(text) ?? []
  const protocol = written === undefined ? protocolFor(tls !== undefined, hasUsers) : PROTOCOLS.find(each => each === written.toUpperCase())
  if (protocol === undefined) throw invalid(`'${text}': a listener's protocol is one of ${PROTOCOLS.join(', ')}.`)
  const { host, port } = hostPort(address, 'listen on')
  const overTls = protocol === 'SSL' || protocol === 'SASL_SSL'
  const overSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  if (overTls && tls === undefined) throw invalid(`The listener ${text} speaks TLS, and there is no certificate: give one with its key (tls.cert and tls.key, --tls-cert and --tls-key).`)
  const asksWho = overSasl || (overTls && tls?.clientAuth === 'required')
  if (!asksWho && !isLoopback(host)) {
    throw invalid(`The broker would listen on ${host}, which others can reach, and would let anybody read and write everything. Ask who they are: for passwords give users (--users FILE), for certificates a CA and that they are required `
      + '(--tls-ca FILE --tls-client-auth required); or listen on 127.0.0.1.')
  }
  return { protocol, host, port, advertise, tls: overTls ? tls : undefined, mechanisms: overSasl ? mechanismsOf(overTls || isLoopback(host)) : [] }
}

/** P1. */
function protocolFor(hasTls: boolean, hasUsers: boolean): Protocol {
  return hasUsers ? hasTls ? 'SASL_SSL' : 'SASL_PLAINTEXT' : hasTls ? 'SSL' : 'PLAINTEXT'
}

/** P3. */
function mechanismsOf(isPrivate: boolean): SaslMechanism[] {
  return isPrivate ? ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] : ['SCRAM-SHA-512', 'SCRAM-SHA-256']
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

export function hostPort(text: string, use: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined || Number(match[3]) > 65_535) throw invalid(`Not an address to ${use}: ${text}. Give host:port, for example localhost:9092.`)
  return { host, port: Number(match[3]) }
}

function bracketed(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function invalid(message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', message)
}
