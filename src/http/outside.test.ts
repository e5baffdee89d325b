import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import type { ClientActivity } from '../broker/clients.ts'
import { outsideOf, parseActivity } from './outside.ts'

const client = (more: Partial<ClientActivity>): ClientActivity => ({ clientId: 'x', softwareName: '', softwareVersion: '', reads: [], writes: [], groups: [], connections: 1, goneAt: null, ...more })

test('ours are left out: tasks, this page, named children, foreign tasks by their group; the rest is shown', () => {
  const activity = [
    client({ clientId: 'shop', softwareName: 'millrace' }), client({ clientId: 'shop-1', softwareName: 'millrace' }),
    client({ clientId: 'ledger' }), client({ clientId: 'shop.score.0', softwareName: 'confluent-kafka-python' }),
    client({ clientId: 'rdkafka', softwareName: 'librdkafka', groups: ['shop.score'] }),
    client({ clientId: 'shop', softwareName: 'somebody-else' }), client({ clientId: 'millrace-cli', softwareName: 'millrace', reads: ['recs'] }),
    client({ clientId: 'rdkafka', softwareName: 'confluent-kafka-python', softwareVersion: '2.1', groups: ['six-lines'], reads: ['recs'], writes: ['shop.events'] }),
  ]
  const shown = outsideOf('shop', new Set(['ledger']), activity, 0)
  assert.deepEqual(shown.map(({ name, about }) => [name, about]), [['shop', 'somebody-else'], ['millrace-cli', 'millrace'], ['confluent-kafka-python', 'six-lines · confluent-kafka-python 2.1']])
  assert.deepEqual([shown[2]?.reads, shown[2]?.writes, shown[2]?.isGone], [['recs'], ['shop.events'], false])
})

test('one that has gone is shown for a while', () => {
  const activity = [client({ clientId: 'kcat', connections: 0, goneAt: 1000 })]
  assert.equal(outsideOf('shop', new Set(), activity, 999)[0]?.isGone, true)
  assert.deepEqual(outsideOf('shop', new Set(), activity, 1000), [])
})

test('a long name is cut; a message that is no list of clients is none', () => {
  assert.equal(outsideOf('shop', new Set(), [client({ clientId: 'n'.repeat(5000) })], 0)[0]?.name.length, 60)
  assert.equal(parseActivity({ ready: 1 }), undefined)
})
