/** The broker's options of who may connect and what they may do, from the command line: files are read here, secrets are never arguments. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Broker } from '../broker/broker.ts'
import type { BrokerOptions } from '../broker/options.ts'
import type { Call, OptionSpec } from './command.ts'
import { usage } from './command.ts'

const CLIENT_AUTH = ['none', 'requested', 'required'] as const

export const BROKER_SECURITY_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  listen: { type: 'string', multiple: true, value: '[PROTOCOL://]HOST:PORT', describe: 'instead of --host and --port; may be given several times. PROTOCOL is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; without it what --users and --tls-cert give' },
  advertise: { type: 'string', multiple: true, value: 'HOST:PORT', describe: 'what clients are told to connect to; of several listeners in their order' },
  'tls-cert': { type: 'string', value: 'FILE', describe: 'the certificate, PEM, with those between it and its root' },
  'tls-key': { type: 'string', value: 'FILE', describe: 'its key, PEM; a passphrase comes in $MILLRACE_TLS_PASSPHRASE' },
  'tls-ca': { type: 'string', value: 'FILE', describe: "who signs clients' certificates, PEM" },
  'tls-client-auth': { type: 'string', value: CLIENT_AUTH.join('|'), describe: 'whether clients show a certificate; default none, with --tls-ca required' },
  users: { type: 'string', value: 'FILE', describe: 'who may log in (millrace broker user add writes it); listeners then ask for SASL SCRAM, over TLS and on loopback PLAIN too' },
  'super-user': { type: 'string', multiple: true, value: 'NAME', describe: 'may do everything; what others may is said by access control entries (kafka-acls)' },
  'allow-if-no-acl': { type: 'boolean', describe: 'what no access control entry speaks of is allowed to everybody who is in' },
  'session-lifetime': { type: 'number', value: 'SECONDS', describe: 'after this long a client logs in again on its connection (KIP-368); 0: never', default: 0 },
}

export function brokerSecurity(call: Call): Partial<BrokerOptions> {
  const superUsers = call.texts('super-user')
  const [listen, advertise, users] = [call.texts('listen'), call.texts('advertise'), call.text('users')]
  return {
    ...(listen.length > 0 ? { listen } : {}), ...(advertise.length > 0 ? { advertise } : {}), ...(users === undefined ? {} : { users: resolve(users) }),
    tls: tlsOf(call), sessionLifetimeMs: 1000 * (call.number('session-lifetime') ?? 0),
    ...(superUsers.length > 0 || call.flag('allow-if-no-acl') ? { authorization: { superUsers, allowIfNone: call.flag('allow-if-no-acl') } } : {}),
  }
}

function tlsOf(call: Call): BrokerOptions['tls'] {
  const [cert, key, ca] = [call.text('tls-cert'), call.text('tls-key'), call.text('tls-ca')]
  const wanted = call.text('tls-client-auth') ?? (ca === undefined ? 'none' : 'required')
  const clientAuth = CLIENT_AUTH.find(each => each === wanted)
  if (clientAuth === undefined) throw usage(`--tls-client-auth takes ${CLIENT_AUTH.join(', ')}, not '${wanted}'.`)
  if (cert === undefined && key === undefined) {
    if (ca !== undefined || clientAuth !== 'none') throw usage("Clients' certificates need TLS: give the broker's own with --tls-cert and --tls-key.")
    return undefined
  }
  if (cert === undefined || key === undefined) throw usage('--tls-cert and --tls-key belong together: give both.')
  return { cert: read('tls-cert', cert), key: read('tls-key', key), passphrase: process.env['MILLRACE_TLS_PASSPHRASE'], ca: ca === undefined ? undefined : read('tls-ca', ca), clientAuth }
}

function read(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usage(`--${option} ${path} cannot be read: ${messageOf(error)}`)
  }
}

/** One line for each listener: where, and for whom. */
export function describeListeners(broker: Broker): { readonly address: string, readonly what: string }[] {
  return broker.listeners.map(({ protocol, host, port, advertise, mechanisms, tls }) => {
    const clients = tls?.clientAuth === 'required' ? 'client certificates' : tls === undefined ? 'plain text' : 'TLS'
    const shown = advertise ?? { host: host === '127.0.0.1' ? 'localhost' : host, port }
    const reach = /^(localhost|127\.|::1)/.test(host) ? 'this machine only' : `listens on ${host}`
    return { address: `${shown.host}:${shown.port}`, what: protocol === 'PLAINTEXT' ? `any client, plain text, ${reach}` : [protocol, clients, ...mechanisms, reach].join(', ') }
  })
}
