/** kafkajs at our secured listeners: each mechanism over TLS, a client certificate, rights. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import kafkajs from 'kafkajs'
import { Broker } from '../../src/broker/broker.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { Authority } from '../support/certificates.ts'
import type { Issued } from '../support/certificates.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-security-'))
const authority = new Authority()
const MS_MAX = 60_000
let broker: Broker
let alice: Issued

before(async () => {
  const server = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost,IP:127.0.0.1' })
  alice = authority.issue({ subject: '/CN=alice' })
  broker = await Broker.start(realEnv, {
    directory: join(directory, 'data'), listen: ['SASL_SSL://localhost:0', 'SSL://localhost:0'], tls: { ...server, ca: authority.ca, clientAuth: 'requested' }, durability: 'os',
    users: { admin: 'admin-secret', bob: 'bob-secret' }, authorization: { superUsers: ['admin', 'User:CN=alice'] },
  })
})

after(async () => {
  await broker.close()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

type Options = Pick<kafkajs.KafkaConfig, 'ssl' | 'sasl'>

function kafka(listener: number, options: Options): kafkajs.Kafka {
  return new kafkajs.Kafka({ clientId: 'kafkajs', brokers: [`localhost:${broker.listeners[listener]?.port}`], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: MS_MAX, authenticationTimeout: MS_MAX, retry: { retries: 0 }, ...options })
}

const ssl = { ca: [authority.ca] }

async function topicsSeen(client: kafkajs.Kafka): Promise<string[]> {
  const admin = client.admin()
  await admin.connect()
  const topics = await admin.listTopics()
  await admin.disconnect()
  return topics.filter(name => !name.startsWith('__'))
}

test('each mechanism and a certificate come in and write; a wrong password does not', async () => {
  const clients: Record<string, kafkajs.Kafka> = { certificate: kafka(1, { ssl: { ...ssl, cert: alice.cert, key: alice.key } }) }
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) clients[mechanism] = kafka(0, { ssl, sasl: { mechanism, username: 'admin', password: 'admin-secret' } as kafkajs.SASLOptions })
  for (const [topic, client] of Object.entries(clients)) {
    const producer = client.producer()
    await producer.connect()
    const [written] = await producer.send({ topic, messages: [{ value: 'one' }] })
    assert.equal(written?.errorCode, 0, topic)
    await producer.disconnect()
    assert.ok((await topicsSeen(client)).includes(topic))
  }
  const wrong = kafka(0, { ssl, sasl: { mechanism: 'scram-sha-256', username: 'admin', password: 'guess' } })
  await assert.rejects(topicsSeen(wrong), /wrong user or password/)
})

test('who has no rights sees no topic, and is given some by an access control entry', async () => {
  const bob = kafka(0, { ssl, sasl: { mechanism: 'plain', username: 'bob', password: 'bob-secret' } })
  assert.deepEqual(await topicsSeen(bob), [])
  const admin = kafka(0, { ssl, sasl: { mechanism: 'plain', username: 'admin', password: 'admin-secret' } }).admin()
  await admin.connect()
  const entry = { resourceType: kafkajs.AclResourceTypes.TOPIC, resourceName: 'scram', resourcePatternType: kafkajs.ResourcePatternTypes.PREFIXED, principal: 'User:bob', host: '*', operation: kafkajs.AclOperationTypes.DESCRIBE, permissionType: kafkajs.AclPermissionTypes.ALLOW }
  await admin.createAcls({ acl: [entry] })
  assert.deepEqual((await topicsSeen(bob)).sort(), ['scram-sha-256', 'scram-sha-512'])
  const described = await admin.describeAcls({ ...entry, resourcePatternType: kafkajs.ResourcePatternTypes.ANY })
  assert.deepEqual(described.resources.map(each => [each.resourceName, each.acls[0]?.principal]), [['scram', 'User:bob']])
  await admin.disconnect()
})
