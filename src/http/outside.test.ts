import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import type { ClientActivity } from '../broker/clients.ts'
import { outsideOf, parseSeen, refusedOf } from './outside.ts'

const client = (more: Partial<ClientActivity>): ClientActivity => ({ clientId: 'x', softwareName: '', softwareVersion: '', reads: [], writes: [], groups: [], connections: 1, goneAt: null, ...more })

const own = { app: 'shop', clientIds: new Set(['ledger']), names: new Set(['billing-prod']) }

test('ours are left out: tasks, this page, named children, foreign tasks by their group; the rest is shown', () => {
  const activity = [
    client({ clientId: 'shop', softwareName: 'millrace' }), client({ clientId: 'shop-1', softwareName: 'millrace' }),
    client({ clientId: 'ledger' }), client({ clientId: 'shop.score.0', softwareName: 'confluent-kafka-python' }),
    client({ clientId: 'rdkafka', softwareName: 'librdkafka', groups: ['shop.score'] }),
    client({ clientId: 'producer-shop.trend-0-7', softwareName: 'apache-kafka-java' }), client({ clientId: 'x', groups: ['billing-prod'] }), client({ clientId: 'producer-billing-prod-1' }),
    client({ clientId: 'shop', softwareName: 'somebody-else' }), client({ clientId: 'millrace-cli', softwareName: 'millrace', reads: ['recs'] }),
    client({ clientId: 'rdkafka', softwareName: 'confluent-kafka-python', softwareVersion: '2.1', groups: ['six-lines'], reads: ['recs'], writes: ['shop.events'] }),
  ]
  const shown = outsideOf(own, activity, 0)
  assert.deepEqual(shown.map(({ name, about }) => [name, about]), [['shop', 'somebody-else'], ['millrace-cli', 'millrace'], ['confluent-kafka-python', 'six-lines · confluent-kafka-python 2.1']])
  assert.deepEqual([shown[2]?.reads, shown[2]?.writes, shown[2]?.isGone], [['recs'], ['shop.events'], false])
})

test('one that has gone is shown for a while', () => {
  const activity = [client({ clientId: 'kcat', connections: 0, goneAt: 1000 })]
  assert.equal(outsideOf(own, activity, 999)[0]?.isGone, true)
  assert.deepEqual(outsideOf(own, activity, 1000), [])
})

test('a long name is cut; a message that says nothing of clients is none', () => {
  assert.equal(outsideOf(own, [client({ clientId: 'n'.repeat(5000) })], 0)[0]?.name.length, 60)
  assert.equal(parseSeen({ ready: 1 }), undefined)
  assert.deepEqual(parseSeen({ clients: [], refused: [] }), { clients: [], refused: [] })
})

test('what is not served is told once for each client, API and version, also when the broker has begun anew', () => {
  const request = { apiKey: 78, apiName: 'ShareFetch', version: 0, software: 'new-client 1', count: 1 }
  const first = refusedOf([], [request, { ...request, version: 1, count: 7 }])
  assert.deepEqual(first, [{ client: 'new-client 1', api: 'ShareFetch', apiKey: 78, version: 0 }, { client: 'new-client 1', api: 'ShareFetch', apiKey: 78, version: 1 }])
  assert.deepEqual(refusedOf(first, [{ ...request, version: 1 }, { ...request, software: '' }]), [...first, { client: '?', api: 'ShareFetch', apiKey: 78, version: 0 }])
  assert.equal(refusedOf([], Array.from({ length: 100 }, (_, version) => ({ ...request, version }))).at(-1)?.version, 99)
  assert.equal(refusedOf([], Array.from({ length: 100 }, (_, version) => ({ ...request, version }))).length, 24)
})
