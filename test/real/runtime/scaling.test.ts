/**
 * One app from one process to three to two while records flow, with a SIGKILL and a late starter in between: the groups share out the
 * shards, state follows them, and two verifiers that share nothing with Millrace find every record once and in the order of its key.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { startKafka } from '../../support/kafka.ts'
import { verifyLedger } from '../../support/ledger.ts'
import { need, ROOT } from '../../support/need.ts'
import { startProcess } from '../../support/processes.ts'
import type { Started } from '../../support/processes.ts'
import { balanced, drained, NumberedProducer, recount } from './books.ts'

need('kafka', 'python')

const PREFIX = 'scaling'
const PARTITIONS = 6
const PER_SECOND = 300
const MS_MAX = 90_000

/** One process of the app, and what it says of itself. */
class Member {
  readonly started: Started

  private constructor(started: Started) {
    this.started = started
  }

  static async start(bootstrap: string, data: string): Promise<Member> {
    const started = startProcess(process.execPath, [join(ROOT, 'dist', 'test', 'real', 'runtime', 'kill-app.js')], {
      env: { KILL_BOOTSTRAP: bootstrap, KILL_PREFIX: PREFIX, KILL_DATA: data, KILL_PARTITIONS: String(PARTITIONS) },
    })
    await started.waitFor(/^running$/m, MS_MAX)
    return new Member(started)
  }

  /** Shards of both tasks that run here and are restored. */
  async shards(): Promise<readonly string[]> {
    const said = this.started.stdout().split('\n').length
    this.started.child.kill('SIGUSR2')
    for (let waited = 0; waited < 10_000; waited += 50) {
      const line = this.started.stdout().split('\n').slice(said - 1).find(each => each.startsWith('{'))
      if (line !== undefined) {
        // The snapshot that kill-app prints.
        const { tasks } = JSON.parse(line) as { tasks: { task: string; state: string; shards: string[] }[] }
        return tasks.flatMap(({ task, state, shards }) => state === 'running' ? shards.map(shard => `${task} ${shard}`) : [])
      }
      await realEnv.clock.sleep(50)
    }
    throw new Error(`no status in 10 s\n${this.started.stdout().slice(-2000)}\n${this.started.stderr().slice(-2000)}`)
  }
}

/** Waits until every shard runs in exactly one of the members and each member has some; returns how many each has. */
async function shared(members: readonly Member[]): Promise<number[]> {
  // Task copy has a shard for each partition; task count two, before and behind its repartition topic.
  const deadline = Date.now() + MS_MAX
  for (;;) {
    const lists = await Promise.all(members.map(member => member.shards()))
    const all = lists.flat()
    const counts = lists.map(list => list.length)
    if (all.length === 3 * PARTITIONS && new Set(all).size === all.length && counts.every(count => count > 0)) return counts
    assert.ok(Date.now() < deadline, `the shards are not shared out: ${JSON.stringify(lists)}`)
    await realEnv.clock.sleep(200)
  }
}

async function run(bootstrap: string, cluster: Cluster, data: string): Promise<void> {
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: `${PREFIX}.input`, partitions: PARTITIONS }])
  await cluster.refresh([`${PREFIX}.input`])
  const producer = new NumberedProducer(cluster, `${PREFIX}.input`, PARTITIONS)
  const members = new Set<Member>()
  const enter = async (): Promise<Member> => {
    const member = await Member.start(bootstrap, data)
    members.add(member)
    return member
  }
  const countsWritten = async (): Promise<number> => (await admin.listOffsets(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: `${PREFIX}.counts`, partition })), 'latest')).reduce((sum, { offset }) => sum + offset, 0)
  const flows = async (what: string): Promise<void> => {
    const before = await countsWritten()
    const deadline = Date.now() + MS_MAX
    while (await countsWritten() < before + PER_SECOND) {
      assert.ok(Date.now() < deadline, `nothing flows ${what}`)
      await realEnv.clock.sleep(100)
    }
  }
  const said: string[] = []
  const settled = async (what: string): Promise<void> => {
    const from = Date.now()
    const counts = await shared([...members])
    await flows(what)
    said.push(`${what}: shards ${counts.join(' + ')} after ${((Date.now() - from) / 1000).toFixed(1)} s`)
  }
  try {
    const first = await enter()
    await producer.start(PER_SECOND)
    await settled('one')
    const second = await enter()
    await enter()
    await settled('three')
    members.delete(second)
    assert.equal((await second.started.kill('SIGKILL')).signal, 'SIGKILL')
    await settled('one of three killed')
    await enter()
    await settled('another started')
    members.delete(first)
    assert.equal((await first.started.kill('SIGTERM')).exitCode, 0, 'the first one leaves in order')
    await settled('the first one left')
    await producer.stop()
    assert.ok(await drained(bootstrap, PREFIX, MS_MAX), 'everything is read')
    for (const member of members) assert.equal((await member.started.kill('SIGTERM')).exitCode, 0, member.started.stderr().slice(-2000))
    console.log(`${producer.sent} records; ${said.join('; ')}`)
  } finally {
    await producer.stop()
    for (const member of members) await member.started.kill('SIGKILL')
  }
  const books = await recount(bootstrap, PREFIX)
  assert.ok(balanced(books), JSON.stringify(books))
  for (const client of ['node', 'python'] as const) {
    const { account } = await verifyLedger(client, bootstrap, [
      { name: 'copy', group: `${PREFIX}.copy`, in: { topic: `${PREFIX}.input`, id: 'value:id' }, out: { topic: `${PREFIX}.copies`, id: 'value:id', order: 'value:id' } },
      // Through a repartition topic, into state and out of it: every record is the last one of one count, and counts go up.
      { name: 'count', group: `${PREFIX}.count`, in: { topic: `${PREFIX}.input`, id: 'value:id' }, out: { topic: `${PREFIX}.counts`, id: 'value:last', order: 'value:count' } },
    ])
    assert.ok(account.balanced, `${client}: ${JSON.stringify(account)}`)
    for (const { counted } of account.balances) assert.equal(counted, books.in, client)
  }
}

test('processes 1 → 3 → 2 (by SIGKILL) → 3 → 2 (in order) on Apache Kafka: counts and order per key are exact', async () => {
  const kafka = await startKafka()
  const data = mkdtempSync(join(tmpdir(), 'millrace-scaling-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap, clientId: 'scaling-test' })
  try {
    await run(kafka.bootstrap, cluster, data)
  } finally {
    await cluster.close()
    await kafka.stop()
    rmSync(data, { recursive: true, force: true })
  }
})
