/**
 * A client's security from a properties file, as `--command-config` takes one: Kafka's names, and librdkafka's where it has others.
 *
 * P1. A name that is about security and not understood is an error, never left out: a connection less safe than was asked for is the worst answer.
 * P2. Names about anything else are left alone: such files are shared with other clients.
 */
import { MillraceError } from '../base/errors.ts'
import type { TlsClientOptions } from '../env/env.ts'
import { isScram } from '../wire/scram.ts'
import type { SaslOptions, SecurityOptions } from './security.ts'

/** Reads a file that a property names. */
export type ReadFile = (path: string) => Buffer

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']
const UNDERSTOOD = new Set([
  'security.protocol', 'sasl.mechanism', 'sasl.mechanisms', 'sasl.jaas.config', 'sasl.username', 'sasl.password', 'sasl.oauthbearer.token.endpoint.url',
  'ssl.truststore.location', 'ssl.truststore.type', 'ssl.truststore.certificates', 'ssl.ca.location', 'ssl.ca.pem', 'ssl.keystore.location', 'ssl.keystore.type', 'ssl.keystore.password',
  'ssl.keystore.key', 'ssl.keystore.certificate.chain', 'ssl.key.password', 'ssl.key.location', 'ssl.certificate.location', 'ssl.endpoint.identification.algorithm',
])
/** Said to be so by their defaults, or of no use here. */
const IGNORED = new Set(['ssl.enabled.protocols', 'ssl.protocol', 'ssl.provider', 'ssl.truststore.password', 'ssl.keymanager.algorithm', 'ssl.trustmanager.algorithm', 'ssl.secure.random.implementation', 'sasl.client.callback.handler.class', 'sasl.login.callback.handler.class'])

/** Throws `CONFIG_INVALID` with the name that is wrong. */
export function securityOfProperties(text: string, readFile: ReadFile, now: () => number): SecurityOptions {
  const properties = parseProperties(text)
  for (const name of properties.keys()) {
    if (/^(ssl|sasl|security)\.|^enable\.ssl\./.test(name) && !UNDERSTOOD.has(name) && !IGNORED.has(name)) throw invalid(`${name} is not understood here. Leave it out, or say what it asks for in another way`)
  }
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase()
  if (!PROTOCOLS.includes(protocol)) throw invalid(`security.protocol is one of ${PROTOCOLS.join(', ')}, not ${protocol}`)
  return {
    tls: protocol.endsWith('SSL') ? tlsOf(properties, readFile) : undefined,
    sasl: protocol.startsWith('SASL') ? saslOf(properties, readFile, now) : undefined,
  }
}

/** A token that is signed by nobody, as Kafka's default OAUTHBEARER takes it: for tests alone. */
export function unsecuredToken(claims: { readonly subject: string, readonly nowMs: number, readonly lifetimeMs: number }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: claims.subject, iat: claims.nowMs / 1000, exp: (claims.nowMs + claims.lifetimeMs) / 1000 })}.`
}

/** Java's way of writing them: comments, continued lines, escapes. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.replace(/\r\n?/g, '\n').replace(/\\\n[ \t]*/g, '').split('\n')) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:\s]\s*(.*)$/.exec(line)
    if (match?.[1] !== undefined) properties.set(match[1], (match[2] ?? '').trimEnd().replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_all, escaped: string) => unescaped(escaped)))
  }
  return properties
}

function unescaped(escaped: string): string {
  if (escaped.length === 5) return String.fromCharCode(parseInt(escaped.slice(1), 16))
  return { n: '\n', t: '\t', r: '\r' }[escaped] ?? escaped
}

function tlsOf(properties: ReadonlyMap<string, string>, readFile: ReadFile): TlsClientOptions {
  const pem = (inline: string, ...files: readonly string[]): string | undefined => {
    const name = files.find(each => properties.get(each) !== undefined)
    return properties.get(inline) ?? (name === undefined ? undefined : pemOf(name, properties.get(name) ?? '', readFile))
  }
  const algorithm = properties.get('ssl.endpoint.identification.algorithm')
  const shared = {
    passphrase: properties.get('ssl.key.password') ?? properties.get('ssl.keystore.password'), verifyHost: algorithm !== '' && algorithm !== 'none',
    ca: properties.get('ssl.ca.pem') ?? pem('ssl.truststore.certificates', 'ssl.truststore.location', 'ssl.ca.location'),
  }
  const store = properties.get('ssl.keystore.location')
  const type = (properties.get('ssl.keystore.type') ?? (store === undefined || /\.pem$/i.test(store) ? 'PEM' : 'PKCS12')).toUpperCase()
  if (store !== undefined && type === 'PKCS12') {
    const bytes = readFile(store)
    if (bytes.readUInt16BE(0) === JKS) throw invalid(`ssl.keystore.location ${store} is a JKS file. Convert it: keytool -importkeystore -srckeystore ${store} -destkeystore store.p12 -deststoretype PKCS12`)
    return { ...shared, pfx: bytes, passphrase: properties.get('ssl.keystore.password') }
  }
  if (type !== 'PEM') throw invalid(`ssl.keystore.type ${type} is not read here: PEM and PKCS12 are`)
  // A PEM store has the key and the certificates in one file.
  const both = pem('', 'ssl.keystore.location')
  return { ...shared, cert: pem('ssl.keystore.certificate.chain', 'ssl.certificate.location') ?? both, key: pem('ssl.keystore.key', 'ssl.key.location') ?? both }
}

/** The first bytes of a Java key store. */
const JKS = 0xfeed

function pemOf(name: string, path: string, readFile: ReadFile): string {
  const text = readFile(path).toString('latin1')
  if (text.includes('-----BEGIN')) return text
  throw invalid(`${name} ${path} is no PEM file. Write one: keytool -list -rfc -keystore ${path} > ca.pem`)
}

function saslOf(properties: ReadonlyMap<string, string>, readFile: ReadFile, now: () => number): SaslOptions {
  const mechanism = properties.get('sasl.mechanism') ?? properties.get('sasl.mechanisms')
  const jaas = jaasOf(properties.get('sasl.jaas.config') ?? '')
  if (mechanism === 'OAUTHBEARER') {
    const url = properties.get('sasl.oauthbearer.token.endpoint.url')
    const subject = jaas.get('unsecuredLoginStringClaim_sub')
    if (url?.startsWith('file:') === true) return { mechanism, token: () => readFile(new URL(url).pathname).toString('utf8').trim() }
    if (url === undefined && subject !== undefined) return { mechanism, token: () => unsecuredToken({ subject, nowMs: now(), lifetimeMs: 3_600_000 }) }
    throw invalid('OAUTHBEARER takes its token from a file here (sasl.oauthbearer.token.endpoint.url=file:///PATH), or in code from a function (security.sasl.token)')
  }
  const [username, password] = [properties.get('sasl.username') ?? jaas.get('username'), properties.get('sasl.password') ?? jaas.get('password')]
  if (mechanism === undefined || !(mechanism === 'PLAIN' || isScram(mechanism))) throw invalid(`sasl.mechanism is one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, not ${mechanism ?? 'left out'}`)
  if (username === undefined || password === undefined) throw invalid(`${mechanism} needs a user and a password: sasl.jaas.config with username="…" password="…", or sasl.username and sasl.password`)
  return { mechanism, username, password }
}

/** `…LoginModule required username="alice" password="…";` */
function jaasOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/g)].map(([, name = '', quoted, plain]) => [name, quoted === undefined ? plain ?? '' : quoted.replace(/\\(.)/g, '$1')]))
}

function invalid(message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `In the client's properties: ${message}.`)
}
