/**
 * Clients that go on through every death of a broker, and know what it has acknowledged; and the recount of what it kept.
 *
 * T1. `numbers`: an idempotent producer writes 0, 1, 2 … to each partition. What stands there afterwards must be exactly that, in order, and at
 *     least as far as it was acknowledged.
 * T2. `pairs`: each transaction writes one record to each of two partitions and an offset of the group; every third is aborted on purpose. A committed
 *     one is there whole, once; an aborted one is not seen; one whose end was never answered is there whole or not at all.
 * T3. The group's offset is that of the last committed transaction, or of a later one whose end was never answered.
 * T4. What is acknowledged while the power goes (`duringCut`) binds nobody: on this kernel an fdatasync that races with FS_IOC_SHUTDOWN returns
 *     success for bytes that are not kept (3 of 60 cuts under fifteen lines of Python). It is counted apart.
 */
import { MillraceError } from '../../src/base/errors.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { readAll } from '../real/runtime/books.ts'

const NUMBER_PARTITIONS = 3
const GROUP = { groupId: 'durability', generation: -1, memberId: '', groupInstanceId: undefined } as const
const OFFSET_OF = { topic: 'numbers', partition: 0 } as const

export interface Account {
  readonly sent: number
  readonly acknowledged: number
  readonly found: number
  readonly transactions: { readonly committed: number; readonly aborted: number; readonly undecided: number }
  /** Acknowledged and not there, or not there before one that is. */
  readonly lost: number
  /** Answered while the power went, and not there (T4). */
  readonly inTheCut: number
  /** There again, or behind a later one. */
  readonly doubled: number
  /** Transactions of which a part is seen, or that are seen though aborted, or not though committed; and a wrong offset of the group. */
  readonly broken: number
  readonly examples: readonly string[]
}

export class Traffic {
  readonly #cluster: Cluster
  readonly #numbers: Producer
  readonly #sent: number[] = Array.from({ length: NUMBER_PARTITIONS }, () => 0)
  readonly #acknowledged: number[] = Array.from({ length: NUMBER_PARTITIONS }, () => 0)
  /** By number. */
  readonly #ends: ('committed' | 'aborted' | 'undecided')[] = []
  /** Numbers by partition that were acknowledged while the power went: from, to. */
  readonly #cuts: { readonly partition: number; readonly from: number; readonly to: number }[] = []
  #cutting = false
  #running = true
  #loops: Promise<unknown> = Promise.resolve()

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#numbers = new Producer(cluster, { lingerMs: 1, deliveryTimeoutMs: 600_000, onAck: (_topic, partition, _offset, count) => { this.#acknowledged[partition] = (this.#acknowledged[partition] ?? 0) + count } })
  }

  static async start(bootstrap: string): Promise<Traffic> {
    const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'durability' })
    await new Admin(cluster).createTopics([
      { name: 'numbers', partitions: NUMBER_PARTITIONS, configs: { 'segment.bytes': '65536', 'retention.ms': '-1' } },
      { name: 'pairs', partitions: 2, configs: { 'segment.bytes': '65536', 'retention.ms': '-1' } },
    ])
    const traffic = new Traffic(cluster)
    await traffic.#numbers.init()
    traffic.#loops = Promise.all([traffic.#write(), traffic.#transact()])
    return traffic
  }

  get acknowledged(): number {
    return this.#acknowledged.reduce((sum, count) => sum + count, 0)
  }

  /** Runs what takes the power away (T4). */
  async duringCut(cut: () => Promise<void>): Promise<void> {
    const before = [...this.#acknowledged]
    this.#cutting = true
    try {
      await cut()
    } finally {
      this.#cutting = false
      for (const [partition, from] of before.entries()) this.#cuts.push({ partition, from, to: this.#acknowledged[partition] ?? from })
    }
  }

  /** Ends the clients: what is under way is finished, the broker being there. */
  async stop(): Promise<void> {
    this.#running = false
    await this.#loops
    await this.#numbers.close()
  }

  /** Reads everything again and compares. After `stop`. */
  async account(): Promise<Account> {
    const examples: string[] = []
    const note = (what: string): void => { if (examples.length < 20) examples.push(what) }
    const next = this.#sent.map(() => 0)
    const totals = { found: 0, lost: 0, inTheCut: 0, doubled: 0, broken: 0 }
    await readAll(this.#cluster, 'numbers', (partition, offset, _key, value) => {
      const number = Number(value)
      const expected = next[partition] ?? 0
      totals.found++
      if (number < expected) totals.doubled++
      let isLost = false
      for (let missing = expected; missing < number; missing++) {
        if (this.#cuts.some(cut => cut.partition === partition && missing >= cut.from && missing < cut.to)) totals.inTheCut++
        else {
          totals.lost++
          isLost = true
        }
      }
      if (number < expected || isLost) note(`numbers-${partition}@${offset}: ${number} for ${expected}`)
      next[partition] = Math.max(expected, number + 1)
    })
    for (const [partition, count] of this.#acknowledged.entries()) {
      const there = next[partition] ?? 0
      totals.lost += Math.max(0, count - there)
      if (there < count) note(`numbers-${partition}: ${count} were acknowledged, ${there} are there`)
    }
    totals.broken += await this.#checkPairs(note)
    const ends = (kind: string): number => this.#ends.filter(end => end === kind).length
    await this.#cluster.close()
    return {
      sent: this.#sent.reduce((sum, count) => sum + count, 0), acknowledged: this.acknowledged, ...totals, examples,
      transactions: { committed: ends('committed'), aborted: ends('aborted'), undecided: ends('undecided') },
    }
  }

  async #checkPairs(note: (what: string) => void): Promise<number> {
    const seen = new Map<number, number[]>()
    await readAll(this.#cluster, 'pairs', (partition, _offset, _key, value) => { seen.set(Number(value), [...seen.get(Number(value)) ?? [], partition]) })
    let broken = 0
    for (const [number, end] of this.#ends.entries()) {
      const where = (seen.get(number) ?? []).sort().join()
      const isWhole = where === '0,1'
      const isRight = end === 'committed' ? isWhole : end === 'aborted' ? where === '' : isWhole || where === ''
      if (isRight) continue
      broken++
      note(`transaction ${number} is ${end}, and is seen in partitions '${where}'`)
    }
    const [offset] = await new Admin(this.#cluster).groupOffsets(GROUP.groupId, [OFFSET_OF], { requireStable: true })
    const last = this.#ends.lastIndexOf('committed')
    const isRight = offset !== undefined && (offset.offset === last || (offset.offset > last && this.#ends[offset.offset] === 'undecided' && seen.has(offset.offset)))
    if (last >= 0 && !isRight) {
      broken++
      note(`the group stands at ${offset?.offset ?? 'nothing'}, the last committed transaction is ${last}`)
    }
    return broken
  }

  async #write(): Promise<void> {
    while (this.#running) {
      for (let partition = 0; partition < NUMBER_PARTITIONS; partition++) {
        if (this.#numbers.full) continue
        const number = this.#sent[partition] ?? 0
        this.#numbers.send('numbers', partition, Date.now(), null, Buffer.from(String(number)))
        this.#sent[partition] = number + 1
      }
      await realEnv.clock.sleep(8)
    }
  }

  async #transact(): Promise<void> {
    let producer: Producer | undefined
    while (this.#running) {
      try {
        producer ??= await this.#newProducer()
        await this.#one(producer)
        await realEnv.clock.sleep(5)
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        // Whatever it was (fenced, aborted by its time limit, cut off): the next producer fences and ends what this one left.
        await producer?.close().catch(() => {})
        producer = undefined
        await realEnv.clock.sleep(20)
      }
    }
    await (producer ?? await this.#newProducer()).close()
  }

  async #newProducer(): Promise<Producer> {
    const producer = new Producer(this.#cluster, { transactionalId: 'pairs', transactionTimeoutMs: 60_000, deliveryTimeoutMs: 600_000 })
    await producer.init()
    return producer
  }

  async #one(producer: Producer): Promise<void> {
    const number = this.#ends.length
    // Until an end is answered nobody can know it.
    this.#ends.push('undecided')
    producer.begin()
    for (const partition of [0, 1]) producer.send('pairs', partition, Date.now(), null, Buffer.from(String(number)))
    await producer.sendOffsets(GROUP, [{ ...OFFSET_OF, offset: number, leaderEpoch: -1, metadata: '' }])
    if (number % 3 === 2) await producer.abort()
    else await producer.commit()
    if (!this.#cutting) this.#ends[number] = number % 3 === 2 ? 'aborted' : 'committed'
  }
}
