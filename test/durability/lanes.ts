/**
 * The durability programme's client: it writes what it can recount, notes what was acknowledged, and says what is wrong.
 *
 * ```
 *   plain    two partitions, idempotent, three batches under way; value n of a partition must stand at offset n
 *   moved    transactions over two partitions and a group's offset; every fourth is aborted
 *   held     one transaction, acknowledged and left open over the restart, which its owner then commits (as Flink does)
 *   offsets  a group's offset, committed again and again
 * ```
 * V1. `resume` does what a client does after its connection was cut: unacknowledged batches are sent again under their sequence
 *     numbers, an end whose answer was lost is asked for again, an unfinished transaction is given up.
 * V2. After `resume` nothing is unknown: `verify` compares for equality, not for "at least".
 */
import type { WireClient } from '../support/wire-client.ts'
import { addPartitions, commitOffset, committedOffset, end, initProducer, makeTopic, readAll, send, sendOffsets, WrongAnswer } from './wire-steps.ts'
import type { Identity, Read } from './wire-steps.ts'

const PLAIN = 'plain'
const MOVED = 'moved'
const HELD = 'held'
const IN_FLIGHT_MAX = 3

interface Batch {
  readonly partition: number
  readonly base: number
  readonly values: readonly string[]
}

type Stop = () => boolean

export interface Acknowledged {
  records: number
  transactions: number
  offsets: number
}

export class Lanes {
  readonly acknowledged: Acknowledged = { records: 0, transactions: 0, offsets: 0 }
  /** Values acknowledged, by partition of `plain`. */
  readonly #acked = [0, 0]
  readonly #sent = [0, 0]
  #unacked: Batch[] = []
  #plain: Identity | undefined
  #mover: { producer: Identity; sequences: [number, number] } | undefined
  #moving: { readonly number: number; readonly commit: boolean; ending: boolean } | undefined
  #movedNext = 0
  readonly #committed: number[] = []
  #held: { readonly number: number; readonly producer: Identity; established: boolean } | undefined
  #heldNext = 0
  readonly #heldCommitted: number[] = []
  #offsetAsked = 0
  #offsetAcked = 0
  #ready = false

  /** Makes the topics, as often as it takes. */
  async prepare(client: WireClient): Promise<void> {
    if (this.#ready) return
    await makeTopic(client, PLAIN, 2)
    await makeTopic(client, MOVED, 2)
    await makeTopic(client, HELD, 1)
    this.#ready = true
  }

  /** All lanes at once, each on a connection of its own, until `stop` or the connection is cut; throws for a wrong answer alone. */
  async run(clients: readonly [WireClient, WireClient, WireClient], stop: Stop): Promise<void> {
    const [first, second, third] = clients
    const lanes = [this.#runPlain(first, stop), this.#runMoved(second, stop), this.#hold(third)]
    for (const settled of await Promise.allSettled(lanes)) if (settled.status === 'rejected' && settled.reason instanceof WrongAnswer) throw settled.reason
  }

  /** V1. */
  async resume(client: WireClient): Promise<void> {
    await this.prepare(client)
    for (const batch of this.#unacked) await this.#send(client, batch)
    this.#unacked = []
    const moving = this.#moving
    if (moving !== undefined && this.#mover !== undefined) {
      if (moving.ending) await this.#ended(client, moving)
      else this.#mover = { producer: await initProducer(client, 'mover'), sequences: [0, 0] }
      this.#moving = undefined
    }
    const held = this.#held
    if (held === undefined) return
    if (held.established) await this.#commitHeld(client, held)
    else await initProducer(client, 'holder')
    this.#held = undefined
  }

  /** V2: what is wrong, in words; empty where all is there. */
  async verify(client: WireClient): Promise<string[]> {
    const wrong: string[] = []
    for (const partition of [0, 1]) {
      const records = await readAll(client, PLAIN, partition, 0)
      const found = records.map(({ value }) => value)
      const expected = Array.from({ length: this.#sent[partition] ?? 0 }, (_, index) => `${partition}-${index}`)
      wrong.push(...difference(`plain-${partition}`, found, expected), ...misplaced(`plain-${partition}`, records))
    }
    const moved = await Promise.all([0, 1].map(partition => readAll(client, MOVED, partition, 1, { settled: true })))
    for (const [partition, records] of moved.entries()) wrong.push(...difference(`moved-${partition}`, records.map(({ value }) => value), this.#committed.map(number => `t${number}`)))
    wrong.push(...difference('held', (await readAll(client, HELD, 0, 1, { settled: true })).map(({ value }) => value), this.#heldCommitted.map(number => `h${number}`)))
    const movers = await committedOffset(client, 'movers', MOVED)
    const last = this.#committed.at(-1)
    if (movers !== (last === undefined ? -1 : last + 1)) wrong.push(`offset of the transactions: ${movers} instead of ${last === undefined ? -1 : last + 1}`)
    const offset = Math.max(0, await committedOffset(client, 'readers', PLAIN))
    if (offset < this.#offsetAcked || offset > this.#offsetAsked) wrong.push(`committed offset: ${offset}, acknowledged ${this.#offsetAcked}, asked for ${this.#offsetAsked}`)
    return wrong
  }

  async #runPlain(client: WireClient, stop: Stop): Promise<void> {
    this.#plain ??= await initProducer(client, null)
    const running = new Set<Promise<void>>()
    let failure: unknown
    for (let turn = 0; !stop() && failure === undefined; turn++) {
      const partition = turn % 2
      const base = this.#sent[partition] ?? 0
      const batch: Batch = { partition, base, values: Array.from({ length: 1 + turn % 3 }, (_, index) => `${partition}-${base + index}`) }
      this.#sent[partition] = base + batch.values.length
      this.#unacked.push(batch)
      const sent: Promise<void> = this.#send(client, batch).then(() => { this.#unacked = this.#unacked.filter(other => other !== batch) }, (error: unknown) => { failure ??= error }).finally(() => running.delete(sent))
      running.add(sent)
      if (running.size >= IN_FLIGHT_MAX) await Promise.race(running)
      if (turn % 5 === 4) {
        this.#offsetAsked += 1
        await commitOffset(client, 'readers', PLAIN, this.#offsetAsked)
        this.#offsetAcked = this.#offsetAsked
        this.acknowledged.offsets += 1
      }
    }
    await Promise.all(running)
    if (failure !== undefined) throw failure
  }

  async #send(client: WireClient, { partition, base, values }: Batch): Promise<void> {
    const producer = this.#plain
    if (producer === undefined) return
    const offset = await send(client, PLAIN, partition, values, { ...producer, baseSequence: base })
    if (offset !== base) throw new WrongAnswer(`plain-${partition}: value ${base} was given offset ${offset}`)
    this.#acked[partition] = Math.max(this.#acked[partition] ?? 0, base + values.length)
    this.acknowledged.records += values.length
  }

  async #runMoved(client: WireClient, stop: Stop): Promise<void> {
    this.#mover ??= { producer: await initProducer(client, 'mover'), sequences: [0, 0] }
    const { producer, sequences } = this.#mover
    while (!stop()) {
      const number = this.#movedNext
      this.#movedNext += 1
      const moving = { number, commit: number % 4 !== 3, ending: false }
      this.#moving = moving
      await addPartitions(client, 'mover', producer, MOVED, [0, 1])
      await Promise.all(([0, 1] as const).map(async partition => {
        const baseSequence = sequences[partition]
        sequences[partition] += 1
        await send(client, MOVED, partition, [`t${number}`], { ...producer, baseSequence, transactional: true }, 'mover')
      }))
      await sendOffsets(client, 'mover', producer, 'movers', MOVED, number + 1)
      moving.ending = true
      await this.#ended(client, moving)
      this.#moving = undefined
    }
  }

  async #ended(client: WireClient, moving: { readonly number: number; readonly commit: boolean }): Promise<void> {
    if (this.#mover === undefined) return
    await end(client, 'mover', this.#mover.producer, moving.commit)
    if (moving.commit) this.#committed.push(moving.number)
    this.acknowledged.transactions += 1
  }

  async #hold(client: WireClient): Promise<void> {
    if (this.#held !== undefined) return
    const number = this.#heldNext
    this.#heldNext += 1
    const producer = await initProducer(client, 'holder')
    const held = { number, producer, established: false }
    this.#held = held
    await addPartitions(client, 'holder', producer, HELD, [0])
    await send(client, HELD, 0, [`h${number}`], { ...producer, baseSequence: 0, transactional: true }, 'holder')
    held.established = true
  }

  async #commitHeld(client: WireClient, held: { readonly number: number; readonly producer: Identity }): Promise<void> {
    const early = (await readAll(client, HELD, 0, 1)).map(({ value }) => value)
    if (early.includes(`h${held.number}`)) throw new WrongAnswer(`held: h${held.number} was readable before it was committed`)
    await end(client, 'holder', held.producer, true)
    this.#heldCommitted.push(held.number)
    this.acknowledged.transactions += 1
  }
}

function difference(where: string, found: readonly string[], expected: readonly string[]): string[] {
  if (found.length === expected.length && found.every((value, index) => value === expected[index])) return []
  const known = new Set(expected)
  const seen = new Set(found)
  const lost = expected.filter(value => !seen.has(value))
  const foreign = found.filter(value => !known.has(value))
  const doubled = found.length - seen.size
  return [`${where}: ${lost.length} lost (${lost.slice(0, 3).join(' ')}), ${doubled} doubled, ${foreign.length} foreign (${foreign.slice(0, 3).join(' ')})${lost.length + doubled + foreign.length === 0 ? ', out of order' : ''}`]
}

function misplaced(where: string, records: readonly Read[]): string[] {
  const at = records.findIndex(({ offset }, index) => offset !== index)
  return at < 0 ? [] : [`${where}: value ${at} stands at offset ${records[at]?.offset}`]
}
