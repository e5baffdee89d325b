/** An app, a client and a broker that ask who comes: the pieces that docs/guide/security.md shows. */
import { readFileSync } from 'node:fs'
import { run, type App, type RunningApp } from 'millrace'
import { Broker, realEnv } from 'millrace/broker'
import { Cluster } from 'millrace/client'

const pem = (path: string): string => readFileSync(path, 'utf8')

export function secured(app: App): Promise<RunningApp> {
  return run(app, {
    bootstrap: 'kafka.example:9093',
    security: {
      tls: { ca: pem('ca.pem') },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'shop', password: process.env['SHOP_PASSWORD'] ?? '' },
    },
    dataDirectory: '/var/lib/shop',
  })
}

export function byToken(newToken: () => Promise<string>): Promise<Cluster> {
  return Cluster.connect(realEnv, {
    bootstrap: 'kafka.example:9093',
    security: { tls: true, sasl: { mechanism: 'OAUTHBEARER', token: newToken } },
  })
}

export function securedBroker(): Promise<Broker> {
  return Broker.start(realEnv, {
    directory: '/var/lib/millrace',
    listen: ['PLAINTEXT://127.0.0.1:9092', 'SASL_SSL://0.0.0.0:9093'],
    advertise: ['localhost:9092', 'kafka.example:9093'],
    tls: { cert: pem('cert.pem'), key: pem('key.pem') },
    users: '/etc/millrace/users.json',
    authorization: { superUsers: ['admin', 'ANONYMOUS'] },
  })
}
