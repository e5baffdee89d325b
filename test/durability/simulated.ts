/**
 * The programme on the simulated machine: kills and power cuts that keep any part of what was not synced, and damaged files.
 *
 * The simulated disk is a recording one: at a power cut each 512-byte sector that was not synced is kept, lost or torn by itself, and
 * of each directory's changes a prefix is kept (`src/testing/sim/disk.ts`). Kernels with dm-log-writes could replay such subsets on a
 * real file system.
 */
import { MillraceError } from '../../src/base/errors.ts'
import type { Logger } from '../../src/base/logger.ts'
import { Broker } from '../../src/broker/broker.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'
import { WireClient } from '../support/wire-client.ts'
import { Lanes } from './lanes.ts'

const PORT = 9092
const DIRECTORY = '/data'

/** What a log line of level warn or error said. */
class Notes implements Logger {
  lines: string[] = []
  debug(): void { /* Not noted. */ }
  info(): void { /* Not noted. */ }
  warn(message: string): void { this.lines.push(message) }
  error(message: string): void { this.lines.push(message) }
  child(): Logger { return this }
}

function startBroker(process: SimProcess, notes: Notes): Promise<Broker> {
  return Broker.start(process.env, { directory: DIRECTORY, port: PORT, logger: notes })
}

export interface Cuts {
  kills: number
  powerCuts: number
  records: number
  transactions: number
  wrong: string[]
}

/** Rounds of work and sudden death on one machine; every third death is a kill alone, the power stays. */
export async function simulatedCuts(seed: number, rounds: number): Promise<Cuts> {
  const sim = new Sim({ seed })
  const random = sim.random.fork('cuts')
  const lanes = new Lanes()
  const cuts: Cuts = { kills: 0, powerCuts: 0, records: 0, transactions: 0, wrong: [] }
  for (let round = 0; round <= rounds && cuts.wrong.length === 0; round++) {
    const process = sim.process(`broker${round}`)
    const clients = sim.process(`clients${round}`)
    try {
      const broker = await sim.run(startBroker(process, new Notes()))
      const connect = (): Promise<WireClient> => sim.run(WireClient.connect(clients.env, PORT))
      const client = await connect()
      await sim.run(lanes.resume(client))
      cuts.wrong.push(...await sim.run(lanes.verify(client)))
      if (round === rounds) {
        await sim.run(broker.close())
        break
      }
      const three = [await connect(), await connect(), await connect()] as const
      let dead = false
      let done = false
      const work = lanes.run(three, () => dead).catch((error: unknown) => void cuts.wrong.push(String(error))).finally(() => { done = true })
      await sim.advance(random.below(60))
      dead = true
      process.kill()
      if (round % 3 === 2) cuts.kills += 1
      else {
        // The clients see the cut, then forget nothing: they are another machine.
        await sim.runUntil(() => done, { what: 'the clients see the cut' })
        sim.powerCut()
        cuts.powerCuts += 1
      }
      await sim.run(work)
    } catch (error) {
      cuts.wrong.push(error instanceof Error ? `${error.name} ${error.message}` : String(error))
    }
    clients.kill()
    process.kill()
  }
  cuts.records = lanes.acknowledged.records
  cuts.transactions = lanes.acknowledged.transactions
  cuts.wrong = cuts.wrong.map(wrong => `seed ${seed}: ${wrong}`)
  return cuts
}

export interface Baseline {
  readonly name: string
  readonly files: ReadonlyMap<string, Buffer>
  readonly lanes: Lanes
}

/** A data directory to damage: stopped cleanly, or killed. */
export async function baseline(seed: number, clean: boolean): Promise<Baseline> {
  const sim = new Sim({ seed })
  const lanes = new Lanes()
  let process = sim.process('broker')
  for (let round = 0; ; round++) {
    const broker = await sim.run(startBroker(process, new Notes()))
    const env = sim.process('client').env
    const client = await sim.run(WireClient.connect(env, PORT))
    await sim.run(lanes.resume(client))
    if (round === 2) {
      const wrong = await sim.run(lanes.verify(client))
      if (wrong.length > 0) throw new Error(`the baseline itself is wrong: ${wrong.join('; ')}`)
      if (clean) await sim.run(broker.close())
      // A moment of rest, as before nearly every kill.
      else await sim.advance(200)
      process.kill()
      return { name: clean ? 'stopped cleanly' : 'killed', files: sim.disk.files(), lanes }
    }
    const three = [client, await sim.run(WireClient.connect(env, PORT)), await sim.run(WireClient.connect(env, PORT))] as const
    const until = sim.time.elapsedMs + 120
    await sim.run(lanes.run(three, () => sim.time.elapsedMs > until))
    if (round === 0) await sim.run(broker.close())
    process.kill()
    process = sim.process('broker')
  }
}

export type Outcome = 'unharmed' | 'refused' | 'reported' | 'found by the reader' | 'silent' | 'broken'

export interface Mutated {
  readonly outcome: Outcome
  readonly what: string
  readonly why: string
}

/** Damages one file of the directory and starts a broker on it. */
export async function mutate(base: Baseline, seed: number): Promise<Mutated> {
  const sim = new Sim({ seed })
  const random = sim.random.fork('mutation')
  const paths = [...base.files.keys()]
  const logs = paths.filter(path => path.endsWith('.log') && (base.files.get(path)?.length ?? 0) > 0)
  // Two in three strike a log: there lie the records.
  const path = random.pick(random.chance(2 / 3) ? logs : paths)
  const before = base.files.get(path) ?? Buffer.alloc(0)
  const { bytes, how } = damaged(before, random)
  const what = `${how} of ${path} (${before.length} bytes), ${base.name}`
  const { disk } = sim.process('restore').env
  for (const [file, content] of base.files) {
    disk.makeDirectory(file.slice(0, file.lastIndexOf('/')))
    disk.open(file, 'create').write(file === path ? bytes : content, 0)
  }
  const notes = new Notes()
  const process = sim.process('broker')
  try {
    await sim.run(startBroker(process, notes))
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code === 'INTERNAL') return { outcome: 'broken', what, why: error instanceof Error ? error.stack ?? error.message : String(error) }
    const changed = [...base.files].filter(([file, content]) => file.endsWith('.log') && !sim.disk.files().get(file)?.equals(file === path ? bytes : content))
    return changed.length > 0 ? { outcome: 'silent', what, why: `refused (${error.message}), but ${changed.map(([file]) => file).join(' ')} was changed` } : { outcome: 'refused', what, why: error.code }
  }
  try {
    const client = await sim.run(WireClient.connect(sim.process('client').env, PORT))
    const wrong = await sim.run(base.lanes.verify(client))
    if (wrong.length === 0) return { outcome: 'unharmed', what, why: '' }
    return { outcome: notes.lines.length > 0 ? 'reported' : 'silent', what, why: `${wrong.join('; ')} [${notes.lines.join('; ')}]` }
  } catch (error) {
    // The newest segment is read whole at every start: what a reader finds there the start has missed.
    return { outcome: isNewest(path, paths) ? 'silent' : 'found by the reader', what, why: error instanceof Error ? error.message : String(error) }
  }
}

function isNewest(path: string, paths: readonly string[]): boolean {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  return path.endsWith('.log') && paths.filter(other => other.startsWith(folder) && other.endsWith('.log')).at(-1) === path
}

function damaged(before: Buffer, random: { below(count: number): number }): { readonly bytes: Buffer; readonly how: string } {
  const at = random.below(before.length + 1)
  const length = 1 + random.below(512)
  switch (random.below(before.length === 0 ? 1 : 5)) {
    case 0: return { bytes: Buffer.concat([before.subarray(0, at), before.subarray(Math.max(0, at - length), at), before.subarray(at)]), how: `block of up to ${length} before ${at} duplicated` }
    case 1: return { bytes: before.subarray(0, at), how: `truncation to ${at}` }
    case 2: return { bytes: Buffer.concat([before.subarray(0, at), before.subarray(at + length)]), how: `${length} bytes from ${at} removed` }
    case 3: return { bytes: Buffer.concat([before.subarray(0, at), Buffer.alloc(Math.min(length, before.length - at)), before.subarray(at + length)]), how: `${length} bytes from ${at} zeroed` }
    default: {
      const bytes = Buffer.from(before)
      const byte = Math.min(at, before.length - 1)
      const bit = random.below(8)
      bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit)
      return { bytes, how: `bit ${bit} of byte ${byte} flipped` }
    }
  }
}
