/**
 * TLS behind the `Network` contract: what Node is told, and what its errors mean to whoever reads them.
 *
 * T1. A server's certificate is always verified; only the check of the host name can be switched off.
 * T2. Every failed handshake says what is wrong with which side and what to do; the cause is kept.
 */
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { MillraceError } from '../../base/errors.ts'
import type { ConnectOptions, SocketTls, TlsClientOptions, TlsServerOptions } from '../env.ts'

const HANDSHAKE_MS = 10_000
const VERSION_MIN = 'TLSv1.2'

export function serverOptions({ cert, key, passphrase, ca, clientAuth = 'none' }: TlsServerOptions): tls.TlsOptions {
  return {
    ...given({ cert, key, passphrase, ca }), minVersion: VERSION_MIN, handshakeTimeout: HANDSHAKE_MS,
    requestCert: clientAuth !== 'none', rejectUnauthorized: clientAuth === 'required',
  }
}

export function clientOptions({ host, port, tls: wanted = {} }: ConnectOptions): tls.ConnectionOptions {
  const { ca, cert, key, pfx, passphrase, verifyHost = true } = wanted
  return {
    ...given({ ca, cert, key, passphrase, pfx: pfx === undefined ? undefined : Buffer.from(pfx) }), host, port, minVersion: VERSION_MIN,
    // An address is no server name (RFC 6066).
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(verifyHost ? {} : { checkServerIdentity: () => undefined }),
  }
}

/** Checks what Node would only find out at the first connection. Throws `CONFIG_INVALID`. */
export function checkContext(of: string, options: SecureContextOptions): void {
  try {
    tls.createSecureContext(options)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const what = /key values mismatch/.test(reason) ? 'the key is not the one of the certificate'
      : /bad decrypt|interrupted or cancelled|mac verify/i.test(reason) ? 'the key needs a passphrase, or another one'
        : `it is not understood (${reason})`
    throw new MillraceError('CONFIG_INVALID', `${of}: ${what}. Certificate, key and CA are PEM text, which begins with -----BEGIN.`, { cause: error })
  }
}

/** What the other side's certificate says, once the handshake is done. */
export function tlsOf(socket: TLSSocket): SocketTls {
  // `servername` of the server's side is `false` where the client named none.
  const named: unknown = 'servername' in socket ? socket.servername : undefined
  return { serverName: typeof named === 'string' ? named : undefined, peerName: nameOf(socket) }
}

/** Whether a client came with a certificate that is not believed (`requested` lets those through that have none). */
export function refusedPeer(socket: TLSSocket): string | undefined {
  const has = Object.keys(socket.getPeerCertificate() ?? {}).length > 0
  return has && !socket.authorized ? `its certificate is not accepted: ${String(socket.authorizationError)}` : undefined
}

/** As RFC 2253 has it, and Kafka's principals with it: the most specific part first. */
function nameOf(socket: TLSSocket): string | undefined {
  const subject = socket.authorized ? socket.getPeerX509Certificate()?.subject : undefined
  if (subject === undefined || subject === '') return undefined
  return subject.split('\n').reverse().join(',')
}

/** The error that a failed connection attempt with TLS rejects with, or `undefined` where TLS has no part in it. */
export function tlsError(options: ConnectOptions, error: Error): MillraceError | undefined {
  const at = `${options.host}:${options.port}`
  const code = 'code' in error ? String(error.code) : ''
  const found = reasonOf(options, code, error)
  return found === undefined ? undefined : new MillraceError('TLS_FAILED', `No TLS connection to ${at}: ${found}`, { cause: error, detail: { host: options.host, port: options.port, tlsCode: code } })
}

function reasonOf({ host, tls: wanted }: ConnectOptions, code: string, error: Error): string | undefined {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'the certificate that it shows has expired. Renew it there.'
    case 'CERT_NOT_YET_VALID':
      return "the certificate that it shows is not valid yet. Compare the clocks of both machines, or wait for the certificate's first day."
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate that it shows is not for '${host}' (${altNames(error)}). Connect by a name that it has, or have one issued with '${host}' in it.`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `the certificate that it shows is signed by nobody who is trusted here (${code}). Give its CA: security.tls.ca in code, ssl.truststore.location in a properties file.`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_RECORD_LAYER_FAILURE':
    case 'EPROTO':
      return 'it does not answer in TLS. It is a plain-text port: name the TLS port, or leave TLS out (security.protocol PLAINTEXT or SASL_PLAINTEXT).'
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return 'it speaks neither TLS 1.2 nor 1.3, and older ones are not used.'
    default:
  }
  if (/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_EXPIRED|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE)/.test(code)) return refusedByServer(wanted, code)
  if (/disconnected before secure TLS connection/.test(error.message)) {
    return 'it closed the connection during the handshake. Is it a plain-text port, or one that wants a client certificate which it accepts (security.tls.cert and key)?'
  }
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || /certificate/i.test(error.message) ? `${error.message}.` : undefined
}

/** Also for a connection that is closed right after the handshake: under TLS 1.3 a client learns only then that it is refused. */
export function refusedByServer(wanted: TlsClientOptions | undefined, code: string): string {
  const has = wanted?.cert !== undefined || wanted?.pfx !== undefined
  return has ? `it does not accept the client certificate that was shown (${code}). Has it expired, and is it signed by a CA which that side trusts?`
    : `it wants a client certificate (${code}). Give one: security.tls.cert and key in code, ssl.keystore.location in a properties file.`
}

function altNames(error: Error): string {
  const cert: unknown = 'cert' in error ? error.cert : undefined
  const names: unknown = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? cert.subjectaltname : undefined
  return typeof names === 'string' ? `it is for ${names}` : 'it names no host'
}

function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> } // The same keys, without those that are undefined.
}
