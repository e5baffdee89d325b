import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import { LogManager } from '../log/log-manager.ts'
import { Sim } from '../testing/sim/sim.ts'
import { StateFile } from './state-file.ts'
import { configProblem, logConfigOf, TOPIC_CONFIGS } from './topic-configs.ts'
import { GROUPS_TOPIC, nameProblem, Topics, TRANSACTIONS_TOPIC } from './topics.ts'
import type { TopicProblem } from './topics.ts'

async function open(sim: Sim, env: Env): Promise<Topics> {
  const logs = await sim.run(LogManager.open(env, { directory: '/data', durability: { kind: 'sync' } }))
  const topics = new Topics({ env, logs, file: new StateFile(env, { directory: '/data', kind: 'topics', version: 1 }), logger: silentLogger, onAdvance: () => { /* Nobody waits. */ }, onDelete: () => { /* Nobody asks. */ } })
  await sim.run(topics.load())
  return topics
}

const spec = (name: string, partitions = 1, configs: [string, string][] = []): { name: string; partitions: number; configs: Map<string, string> } => ({ name, partitions, configs: new Map(configs) })

test('creation, growth, configuration and deletion survive a power cut once they were answered', async () => {
  const sim = new Sim({ seed: 1 })
  const topics = await open(sim, sim.process('one').env)
  await sim.run(topics.create([spec('a', 2, [['retention.ms', '1000']]), spec('b'), spec('c')]))
  await sim.run(topics.grow('a', 5))
  await sim.run(topics.configure('b', new Map([['cleanup.policy', 'compact']])))
  await sim.run(topics.delete('c'))
  const ids = topics.all().map(topic => topic.topicId)
  sim.powerCut()
  const again = await open(sim, sim.process('two').env)
  assert.deepEqual(again.all().map(topic => [topic.name, topic.partitions.length, [...topic.configs]]), [
    [GROUPS_TOPIC, 1, [...again.get(GROUPS_TOPIC)?.configs ?? []]], [TRANSACTIONS_TOPIC, 1, [...again.get(TRANSACTIONS_TOPIC)?.configs ?? []]],
    ['a', 5, [['retention.ms', '1000']]], ['b', 1, [['cleanup.policy', 'compact']]],
  ])
  assert.deepEqual(again.all().map(topic => topic.topicId), ids)
  assert.equal(again.log('b', 0)?.config.cleanupCompact, true)
})

test('a power cut during creation or deletion leaves all of a topic or none of it', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const sim = new Sim({ seed })
    const topics = await open(sim, sim.process('one').env)
    await sim.run(topics.create([spec('old', 3)]))
    topics.create([spec('new', 3)]).catch(() => { /* The power cut ends it. */ })
    topics.delete('old').catch(() => { /* As above. */ })
    await sim.advance(sim.random.next() * 15)
    sim.powerCut()
    const again = await open(sim, sim.process('two').env)
    for (const name of ['old', 'new']) assert.ok([undefined, 3].includes(again.get(name)?.partitions.length), `seed ${seed}: ${name}`)
    const made = await sim.run(again.create([spec('old', 1), spec('new', 1)]))
    for (const result of made) assert.ok('topicId' in result || result.error === 'TOPIC_ALREADY_EXISTS', `seed ${seed}: ${JSON.stringify(result)}`)
  }
})

test('a disk that is full to its last byte refuses every change with the reason, changes nothing, and takes them once there is room', async () => {
  const sim = new Sim({ seed: 4 })
  const topics = await open(sim, sim.process('one').env)
  await sim.run(topics.create([spec('old', 2)]))
  const roomy = sim.disk.capacityBytes
  const changes = async (): Promise<(TopicProblem | undefined)[]> => {
    const [made] = await sim.run(topics.create([spec('new', 3)]))
    return [made !== undefined && 'error' in made ? made : undefined, await sim.run(topics.grow('old', 4)), await sim.run(topics.configure('old', new Map([['retention.ms', '1']]))), await sim.run(topics.delete('old'))]
  }
  for (const spare of [0, 40, 100, 200, 400]) {
    sim.disk.capacityBytes = sim.disk.usedBytes() + spare
    for (const problem of await changes()) {
      assert.equal(problem?.error, 'UNKNOWN_SERVER_ERROR', `${spare} bytes left`)
      assert.match(problem?.message ?? '', /The disk of \/data is full: ENOSPC.*Free space there/)
    }
    assert.deepEqual([topics.get('new'), topics.get('old')?.partitions.length, topics.get('old')?.configs.size], [undefined, 2, 0], `${spare} bytes left`)
  }
  sim.disk.capacityBytes = roomy
  assert.deepEqual(await changes(), [undefined, undefined, undefined, undefined])
  sim.powerCut()
  const again = await open(sim, sim.process('two').env)
  assert.deepEqual([again.get('new')?.partitions.length, again.get('old')], [3, undefined])
})

test('a directory whose catalogue is missing keeps its topics', async () => {
  const sim = new Sim({ seed: 3 })
  const one = sim.process('one')
  const topics = await open(sim, one.env)
  await sim.run(topics.create([spec('kept', 2)]))
  one.kill()
  const { env } = sim.process('two')
  env.disk.unlink('/data/topics')
  const again = await open(sim, env)
  assert.equal(again.get('kept')?.partitions.length, 2)
  assert.equal(again.get('kept')?.topicId, topics.get('kept')?.topicId)
})

test('names that are not allowed, that exist, or that collide are refused', async () => {
  const sim = new Sim({ seed: 4 })
  const topics = await open(sim, sim.process('one').env)
  const [made, twin, again] = await sim.run(topics.create([spec('a.b'), spec('a_b'), spec('a.b')]))
  assert.ok(made !== undefined && 'topicId' in made)
  assert.ok(twin !== undefined && 'error' in twin && twin.error === 'INVALID_TOPIC_EXCEPTION')
  assert.ok(again !== undefined && 'error' in again)
  for (const name of ['', '.', '..', 'a/b', '../x', 'a b', 'ä', 'x'.repeat(250)]) assert.ok(nameProblem(name) !== undefined, name)
  for (const name of ['a', 'A.b_c-9', 'x'.repeat(249)]) assert.equal(nameProblem(name), undefined, name)
})

test('every default of a configuration is valid by its own rule; wrong values and unknown names are not', () => {
  for (const config of TOPIC_CONFIGS) assert.equal(configProblem(config.name, config.default), undefined, config.name)
  for (const [name, value] of [['no.such', '1'], ['retention.ms', 'soon'], ['retention.ms', '-2'], ['retention.ms', null], ['segment.bytes', '1.5'], ['cleanup.policy', 'burn'], ['preallocate', 'yes'], ['min.cleanable.dirty.ratio', '1.1'], ['message.timestamp.type', 'now']] as const) {
    assert.ok(configProblem(name, value) !== undefined, `${name}=${value}`)
  }
  const config = logConfigOf(new Map([['retention.ms', '5'], ['cleanup.policy', 'compact, delete'], ['message.timestamp.type', 'LogAppendTime']]))
  assert.deepEqual([config.retentionMs, config.cleanupCompact, config.cleanupDelete, config.timestampType, config.timestampBeforeMaxMs], [5, true, true, 'LogAppendTime', Number.MAX_SAFE_INTEGER])
})
