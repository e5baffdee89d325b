import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sim } from '../../testing/sim/sim.ts'
import { SERVED } from '../handlers/index.ts'
import { CLUSTER_NAME, entryProblem, filterProblem, isChosen, OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_TYPES } from './acl.ts'
import type { AclEntry, Operation, ResourceType } from './acl.ts'
import { Authorizer } from './authorizer.ts'
import type { AuthorizerOptions } from './authorizer.ts'
import { RULES } from './table.ts'

const ALICE = { principal: 'User:alice', host: '10.0.0.1' }

interface Wanted { readonly type?: ResourceType, readonly name?: string, readonly prefixed?: boolean, readonly principal?: string, readonly host?: string, readonly operation?: Operation, readonly deny?: boolean }

function entry({ type = 'TOPIC', name = 'orders', prefixed = false, principal = 'User:alice', host = '*', operation = 'READ', deny = false }: Wanted = {}): AclEntry {
  return {
    resourceType: RESOURCE_TYPES[type], resourceName: name, patternType: prefixed ? PATTERNS.PREFIXED : PATTERNS.LITERAL, principal, host,
    operation: OPERATIONS[operation], permissionType: deny ? PERMISSIONS.DENY : PERMISSIONS.ALLOW,
  }
}

async function open(entries: readonly AclEntry[], options: Partial<AuthorizerOptions> = {}): Promise<Authorizer> {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('broker')
  env.disk.makeDirectory('/data')
  const authorizer = Authorizer.open(env, '/data', { superUsers: [], allowIfNone: false, ...options })
  await sim.run(authorizer.create(entries))
  return authorizer
}

test('every API that is served has its rule, and says what it asks', () => {
  assert.deepEqual(SERVED.filter(({ api }) => RULES.get(api.key)?.api !== api).map(({ api }) => api.name), [])
  for (const rule of RULES.values()) assert.ok(rule.needs.length > 0, rule.api.name)
})

test('without an entry nobody may, with allowIfNone everybody; a super user may always', async () => {
  assert.equal((await open([])).allows(ALICE, 'READ', 'TOPIC', 'orders'), false)
  assert.equal((await open([], { allowIfNone: true })).allows(ALICE, 'READ', 'TOPIC', 'orders'), true)
  const spoken = await open([entry({ principal: 'User:bob' })], { allowIfNone: true })
  assert.equal(spoken.allows(ALICE, 'READ', 'TOPIC', 'orders'), false, 'an entry speaks of the topic')
  assert.equal(spoken.allows(ALICE, 'READ', 'TOPIC', 'other'), true)
  assert.equal((await open([entry({ deny: true })], { superUsers: ['User:alice'] })).allows(ALICE, 'READ', 'TOPIC', 'orders'), true)
})

test('a denial goes before what allows, whichever way each is written', async () => {
  const authorizer = await open([entry({ name: '*', operation: 'ALL' }), entry({ name: 'or', prefixed: true, deny: true, operation: 'WRITE' }), entry({ name: 'secret', principal: 'User:*', deny: true, operation: 'ALL' })])
  assert.equal(authorizer.allows(ALICE, 'READ', 'TOPIC', 'orders'), true)
  assert.equal(authorizer.allows(ALICE, 'WRITE', 'TOPIC', 'orders'), false)
  assert.equal(authorizer.allows(ALICE, 'READ', 'TOPIC', 'secret'), false)
  assert.equal(authorizer.allows(ALICE, 'READ', 'GROUP', 'orders'), false, 'of another type')
})

test('patterns, hosts and principals match as they are written', async () => {
  const authorizer = await open([entry({ name: 'shop.', prefixed: true }), entry({ name: 'here', host: '10.0.0.1' }), entry({ name: 'all', principal: 'User:*' }), entry({ type: 'CLUSTER', name: CLUSTER_NAME, operation: 'CREATE' })])
  for (const [name, host, principal, expected] of [
    ['shop.orders', '10.0.0.1', 'User:alice', true], ['shop', '10.0.0.1', 'User:alice', false], ['here', '10.0.0.1', 'User:alice', true], ['here', '10.0.0.2', 'User:alice', false],
    ['all', '10.0.0.9', 'User:bob', true], ['all', '10.0.0.9', 'Service:bob', false], ['shop.orders', '10.0.0.1', 'User:alic', false],
  ] as const) assert.equal(authorizer.allows({ principal, host }, 'READ', 'TOPIC', name), expected, `${principal} from ${host} reads ${name}`)
  assert.equal(authorizer.allows(ALICE, 'CREATE', 'CLUSTER', CLUSTER_NAME), true)
})

test('what reads, writes, deletes or alters may describe; a denial of reading does not deny describing', async () => {
  for (const operation of ['READ', 'WRITE', 'DELETE', 'ALTER'] as const) assert.equal((await open([entry({ operation })])).allows(ALICE, 'DESCRIBE', 'TOPIC', 'orders'), true, operation)
  assert.equal((await open([entry({ operation: 'ALTER_CONFIGS' })])).allows(ALICE, 'DESCRIBE_CONFIGS', 'TOPIC', 'orders'), true)
  assert.equal((await open([entry({ operation: 'CREATE' })])).allows(ALICE, 'DESCRIBE', 'TOPIC', 'orders'), false)
  assert.equal((await open([entry({ operation: 'DESCRIBE' }), entry({ deny: true })])).allows(ALICE, 'DESCRIBE', 'TOPIC', 'orders'), true)
})

test('any topic at all: one that no denial covers', async () => {
  assert.equal((await open([])).allowsAny(ALICE, 'WRITE', 'TOPIC'), false)
  assert.equal((await open([entry({ operation: 'WRITE' })])).allowsAny(ALICE, 'WRITE', 'TOPIC'), true)
  assert.equal((await open([entry({ operation: 'WRITE' }), entry({ operation: 'WRITE', deny: true })])).allowsAny(ALICE, 'WRITE', 'TOPIC'), false)
  assert.equal((await open([entry({ operation: 'WRITE' }), entry({ name: 'ord', prefixed: true, operation: 'WRITE', deny: true })])).allowsAny(ALICE, 'WRITE', 'TOPIC'), false)
  assert.equal((await open([entry({ name: 'ord', prefixed: true, operation: 'WRITE' }), entry({ operation: 'WRITE', deny: true })])).allowsAny(ALICE, 'WRITE', 'TOPIC'), true)
  assert.equal((await open([entry({ operation: 'WRITE' }), entry({ name: '*', operation: 'ALL', deny: true })], { allowIfNone: true })).allowsAny(ALICE, 'WRITE', 'TOPIC'), false)
})

test('entries are durable before they are answered, and taking one away leaves the others (CVE-2024-27309)', async () => {
  const sim = new Sim({ seed: 2 })
  const first = sim.process('first')
  first.env.disk.makeDirectory('/data')
  const options = { superUsers: [], allowIfNone: true }
  const before = Authorizer.open(first.env, '/data', options)
  const kept = entry({ operation: 'WRITE' })
  await sim.run(before.create([entry(), kept, entry()]))
  assert.equal(before.count, 2, 'the same entry once')
  assert.equal(before.allows(ALICE, 'READ', 'TOPIC', 'orders'), true)
  await sim.run(before.remove([entry()]))
  assert.equal(before.allows(ALICE, 'READ', 'TOPIC', 'orders'), false, 'the decision is not remembered beyond a change')
  const after = Authorizer.open(sim.process('second').env, '/data', options)
  assert.deepEqual(after.list(), [kept])
})

test('filters choose as in Kafka, and what cannot be is refused', () => {
  const prefixed = entry({ name: 'or', prefixed: true })
  const filter = { resourceTypeFilter: 1, resourceNameFilter: 'orders', patternTypeFilter: PATTERNS.LITERAL, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
  assert.deepEqual([entry(), prefixed, entry({ name: '*' })].map(each => isChosen(each, filter)), [true, false, false])
  assert.deepEqual([entry(), prefixed, entry({ name: '*' }), entry({ name: 'order' })].map(each => isChosen(each, { ...filter, patternTypeFilter: PATTERNS.MATCH })), [true, true, true, false])
  assert.deepEqual([entry(), prefixed].map(each => isChosen(each, { ...filter, resourceNameFilter: 'or', patternTypeFilter: PATTERNS.ANY })), [false, true])
  assert.equal(isChosen(entry(), { ...filter, operation: OPERATIONS.WRITE }), false)
  assert.equal(isChosen(entry(), { ...filter, principalFilter: 'User:bob' }), false)
  assert.match(filterProblem({ ...filter, operation: 0 }) ?? '', /operation/)
  assert.equal(filterProblem(filter), undefined)
  assert.match(entryProblem({ ...entry(), principal: 'alice' }) ?? '', /no colon/)
  assert.match(entryProblem(entry({ type: 'CLUSTER', name: 'mine' })) ?? '', /kafka-cluster/)
  assert.match(entryProblem({ ...entry(), patternType: PATTERNS.MATCH }) ?? '', /patternType/)
  assert.equal(entryProblem(entry()), undefined)
})
