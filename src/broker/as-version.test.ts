import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Sim } from '../testing/sim/sim.ts'
import { apiVersions } from '../wire/apis/18-api-versions.ts'
import { consumerGroupDescribe } from '../wire/apis/69-consumer-group-describe.ts'
import { loadCompression } from '../wire/compression.ts'
import { errorName } from '../wire/error-codes.ts'
import type { ResponseOf } from '../wire/schema.ts'
import { WireClient } from '../../test/support/wire-client.ts'
import type { KafkaVersion } from './as-version.ts'
import { Broker } from './broker.ts'
import { SERVED } from './handlers/index.ts'

before(() => loadCompression())

async function asked(asVersion: KafkaVersion, version: number): Promise<ResponseOf<typeof apiVersions>> {
  const sim = new Sim({ seed: 1 })
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092, asVersion }))
  const client = await sim.run(WireClient.connect(sim.process('client').env, 9092))
  return sim.run(client.request(apiVersions, version, { clientSoftwareName: 'test', clientSoftwareVersion: '1' }))
}

const rangesOf = (answer: ResponseOf<typeof apiVersions>): Map<number, string> => new Map(answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, `${minVersion}-${maxVersion}`]))

test('as 2.8: no newer version, no API that came later, no features', async () => {
  const answer = await asked('2.8', 3)
  const ranges = rangesOf(answer)
  assert.deepEqual([0, 1, 9, 11, 18, 28].map(key => ranges.get(key)), ['0-9', '4-12', '1-7', '0-7', '0-3', '0-3'])
  for (const key of [55, 65, 66, 68, 69, 75]) assert.equal(ranges.get(key), undefined, `API ${key}`)
  assert.deepEqual([answer.finalizedFeatures, answer.supportedFeatures, answer.finalizedFeaturesEpoch], [[], [], -1])
})

test('as 3.9: transactions of version 1 alone, no consumer protocol, its own metadata version', async () => {
  const answer = await asked('3.9', 4)
  const ranges = rangesOf(answer)
  assert.deepEqual([0, 26, 28, 66].map(key => ranges.get(key)), ['0-11', '0-4', '0-4', '0-1'])
  assert.equal(ranges.get(68), undefined)
  assert.deepEqual(answer.finalizedFeatures, [{ name: 'metadata.version', maxVersionLevel: 21, minVersionLevel: 21 }])
})

test('as 4.1, the default: everything that is served, with groups and transactions of the newest feature levels', async () => {
  const answer = await asked('4.1', 4)
  assert.deepEqual([...rangesOf(answer).keys()], SERVED.map(({ api }) => api.key))
  assert.deepEqual(answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]), [['metadata.version', 27], ['group.version', 1], ['transaction.version', 2]])
})

test('a version that the release had not is refused as any other, by name', async () => {
  const sim = new Sim({ seed: 1 })
  const broker = await sim.run(Broker.start(sim.process('broker').env, { directory: '/data', port: 9092, asVersion: '2.8' }))
  const client = await sim.run(WireClient.connect(sim.process('client').env, 9092))
  assert.equal(errorName((await sim.run(client.request(apiVersions, 3, { clientSoftwareName: 'old-test', clientSoftwareVersion: '1' }))).errorCode), 'NONE')

  await assert.rejects(sim.run(client.request(consumerGroupDescribe, 0, { groupIds: ['g'] })))
  assert.deepEqual(broker.describe().refusals.map(({ apiName, version, software }) => [apiName, version, software]), [['ConsumerGroupDescribe', 0, 'old-test 1']])
})
