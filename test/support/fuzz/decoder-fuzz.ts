/**
 * Hostile bytes against what reads them first: the requests' decoders, in every version, and the walk over record batches.
 *
 * D1. The outcome is a value or `FRAME_MALFORMED` (requests), `BATCH_CORRUPT` (batches); anything else is a finding, and so is one that takes
 *     more than `CPU_MS_MAX` of the processor.
 * D2. A batch that is found whole is walked twice with the same outcome.
 * D3. What is read leaves nothing behind: the heap may not have grown by more than `HEAP_GROWTH_MAX` since it was warm (where the process lets it be collected).
 */
import { MillraceError } from '../../../src/base/errors.ts'
import { APIS } from '../../../src/wire/apis/index.ts'
import { loadCompression } from '../../../src/wire/compression.ts'
import { decodeRequest, decodeRequestHeader } from '../../../src/wire/frames.ts'
import { RecordCursor, validateBatches, walkBatches } from '../../../src/wire/record-batch.ts'
import type { Api } from '../../../src/wire/schema.ts'
import { seededRandom } from '../seeded-random.ts'
import { bent, hostileBatch, hostileFrames } from './frames.ts'

const POOL = 3000
const BATCH_POOL = 500
/** One in so many goes to the batches. */
const BATCHES_OF = 5
const CPU_MS_MAX = 1_000
const WARM_AFTER = 50_000
const HEAP_GROWTH_MAX = 8 * 1024 * 1024
/** Streams of codecs that met broken data are let go in a turn of their own. */
const TURN_EVERY = 500
/** Where the clock says so little, nobody looks at the processor's time. */
const CLOCK_MS = 500

export interface DecoderReport {
  readonly seedText: string
  readonly executions: number
  readonly executionsPerSecond: number
  readonly decoded: number
  readonly refused: number
  readonly findings: readonly string[]
  readonly heapBytes: readonly [number, number]
}

export async function fuzzDecoders(executions: number, seed: number): Promise<DecoderReport> {
  await loadCompression()
  const random = seededRandom(seed)
  const frames = hostileFrames([...APIS.values()].map(api => [api, api.versionMin, api.versionMax] as const), random)
  const pool = Array.from({ length: POOL }, () => frames.next())
  const batches = Array.from({ length: BATCH_POOL }, () => hostileBatch(random))
  const findings: string[] = []
  const counts = { decoded: 0, refused: 0 }
  // A refusal is nothing here, and its stack would be most of the work.
  const stackLines = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const started = performance.now()
  let first = 0
  for (let number = 0; number < executions; number++) {
    const begun = performance.now()
    const at = random.below(pool.length)
    const one = pool[at]
    const batch = batches[random.below(batches.length)]
    if (one === undefined || batch === undefined) continue
    const bytes = number % BATCHES_OF === 0 ? bent(batch, random) : bent(one.frame, random).subarray(4)
    try {
      if (number % BATCHES_OF === 0) walk(bytes)
      else decode(one.api, one.version, bytes)
      counts.decoded++
    } catch (error) {
      const allowed = error instanceof MillraceError && (error.code === 'FRAME_MALFORMED' || error.code === 'BATCH_CORRUPT')
      if (allowed) counts.refused++
      else findings.push(`${one.api.name} v${one.version}: ${error instanceof Error ? error.stack : String(error)} | ${bytes.toString('hex').slice(0, 2000)}`)
    }
    if (performance.now() - begun > CLOCK_MS) {
      // A machine that does other things is no finding: what is slow is slow again.
      const cpuMs = cpuMsOf(() => (number % BATCHES_OF === 0 ? walk(bytes) : decode(one.api, one.version, bytes)))
      if (cpuMs > CPU_MS_MAX) findings.push(`${one.api.name} v${one.version} took ${cpuMs} ms of the processor | ${bytes.toString('hex').slice(0, 2000)}`)
    }
    if (number % 10 === 0) pool[at] = frames.next()
    if (number % TURN_EVERY === 0) await new Promise<void>(resolve => void setImmediate(resolve))
    if (number === WARM_AFTER) first = heapBytes()
  }
  Error.stackTraceLimit = stackLines
  await new Promise<void>(resolve => void setImmediate(resolve))
  const last = heapBytes()
  if (typeof globalThis.gc === 'function' && executions > WARM_AFTER && last - first > HEAP_GROWTH_MAX) findings.push(`the heap grew from ${first} to ${last} bytes over ${executions} executions`)
  return { seedText: random.seedText, executions, executionsPerSecond: Math.round(executions / (performance.now() - started) * 1000), ...counts, findings, heapBytes: [first, last] }
}

function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage()
  try {
    work()
  } catch {
    // Refused, as the first time.
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function decode(api: Api, version: number, frame: Buffer): void {
  decodeRequest(api, version, decodeRequestHeader(frame).reader)
}

function walk(bytes: Buffer): void {
  const cursor = new RecordCursor()
  const outcome = validateBatches(bytes)
  let records = 0
  for (const view of walkBatches(bytes)) {
    view.records(cursor)
    while (cursor.next()) records++
  }
  if (JSON.stringify(validateBatches(bytes)) !== JSON.stringify(outcome)) throw new TypeError(`a second look differs from the first, over ${records} records`)
}

function heapBytes(): number {
  if (typeof globalThis.gc === 'function') globalThis.gc()
  return process.memoryUsage().heapUsed
}
