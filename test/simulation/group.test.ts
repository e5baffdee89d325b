/**
 * Group members on a simulated machine: the broker killed, connections reset, members killed and started. Afterwards the group
 * settles: every partition has one owner, loads are even, and no member was told twice that it owns or loses something (G2).
 *
 * MILLRACE_SEED repeats one seed; MILLRACE_SEEDS says how many are run (default 4).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { GroupMember } from '../../src/client/group-member.ts'
import { rangeAssignor } from '../../src/client/range-assignor.ts'
import { cooperativeStickyAssignor } from '../../src/client/sticky-assignor.ts'
import type { Assignor } from '../../src/client/assignor.ts'
import type { TopicPartition } from '../../src/client/types.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'

const PARTITIONS = 9
const firstSeed = Number(process.env['MILLRACE_SEED'] ?? 1)
const seeds = process.env['MILLRACE_SEED'] === undefined ? Number(process.env['MILLRACE_SEEDS'] ?? 4) : 1

/** A member in a process of its own, and what its callbacks have told it. */
class Machine {
  readonly process: SimProcess
  readonly owned = new Set<number>()
  /** What callbacks were told wrongly; collected, because what a callback throws stays within the member. */
  readonly problems: string[] = []
  #member: GroupMember | undefined
  #cluster: Cluster | undefined

  constructor(process: SimProcess) {
    this.process = process
  }

  async start(assignor: Assignor): Promise<void> {
    this.#cluster = await Cluster.connect(this.process.env, { bootstrap: '127.0.0.1:9092', backoffMinMs: 20, backoffMaxMs: 300, requestTimeoutMs: 5_000 })
    this.#member = new GroupMember(this.#cluster, {
      groupId: 'g', topics: ['t'], assignors: [assignor], sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000, heartbeatIntervalMs: 500,
      onAssigned: async partitions => {
        for (const { partition } of partitions) {
          if (this.owned.has(partition)) this.problems.push(`${this.process.name} is given ${partition} twice`)
          this.owned.add(partition)
        }
        await this.process.env.clock.sleep(20)
      },
      onRevoked: async partitions => {
        await this.process.env.clock.sleep(30)
        this.#release(partitions)
      },
      onLost: partitions => this.#release(partitions),
      onFailed: error => { this.problems.push(String(error)) },
    })
    void this.#member.start()
  }

  async stop(): Promise<void> {
    await this.#member?.close()
    assert.equal(this.owned.size, 0, 'everything is given back at the close')
    await this.#cluster?.close()
  }

  #release(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) if (!this.owned.delete(partition)) this.problems.push(`${this.process.name} loses ${partition}, which it does not own`)
  }
}

for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
  for (const assignor of [rangeAssignor, cooperativeStickyAssignor]) {
    test(`seed ${seed}, ${assignor.name}: after all kinds of trouble the group settles`, async () => {
      const sim = new Sim({ seed })
      const random = sim.random.fork('trouble')
      const test = sim.process('test')
      const { clock } = test.env
      let broker = sim.process('broker')
      await sim.run((async () => {
        const startBroker = (): Promise<Broker> => Broker.start(broker.env, { directory: '/data', port: 9092 })
        await startBroker()
        const cluster = await Cluster.connect(test.env, { bootstrap: '127.0.0.1:9092' })
        await new Admin(cluster).createTopics([{ name: 't', partitions: PARTITIONS }])
        let machines: Machine[] = []
        const all: Machine[] = []
        const add = async (): Promise<void> => {
          const machine = new Machine(sim.process(`member-${machines.length}`))
          machines.push(machine)
          all.push(machine)
          await machine.start(assignor)
        }
        for (let index = 0; index < 3; index++) await add()
        for (let round = 0; round < 25; round++) {
          await clock.sleep(random.between(50, 3_000))
          const what = random.below(10)
          const victim = machines[random.below(machines.length)]
          if (what < 3) sim.network.resetAll()
          else if (what < 5) {
            broker.kill()
            await clock.sleep(random.between(10, 2_000))
            broker = sim.process('broker')
            await startBroker()
          } else if (what < 7 && machines.length < 5) await add()
          else if (victim !== undefined && machines.length > 1) {
            if (what < 9) victim.process.kill()
            else await victim.stop()
            machines = machines.filter(each => each !== victim)
          }
        }
        const settled = (): boolean => {
          const sizes = machines.map(each => each.owned.size)
          return new Set(machines.flatMap(each => [...each.owned])).size === PARTITIONS && sizes.reduce((a, b) => a + b, 0) === PARTITIONS
            && Math.max(...sizes) - Math.min(...sizes) <= 1
        }
        for (let waited = 0; !settled(); waited += 100) {
          assert.ok(waited < 60_000, `settles within a minute: ${JSON.stringify(machines.map(each => [...each.owned]))}`)
          await clock.sleep(100)
        }
        // And stays so.
        await clock.sleep(10_000)
        assert.ok(settled())
        for (const machine of machines) await machine.stop()
        assert.deepEqual(all.flatMap(machine => machine.problems), [])
        await cluster.close()
      })())
    })
  }
}
