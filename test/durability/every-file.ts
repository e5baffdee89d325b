/**
 * Damages one place of a real data directory that holds every kind of file (`corpus.ts`), and says what became of it: the only outcomes allowed are
 * the same contents, a cut that was reported, and a refusal with the bytes kept. (reliability.md 2.2: never silent loss, never a wrong record served.)
 * `simulated.ts` damages directories of the programme's own client, and asks the broker; here the logs themselves are read, whole.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../src/base/logger.ts'
import { MillraceError, messageOf } from '../../src/base/errors.ts'
import { Broker } from '../../src/broker/broker.ts'
import { overlayDisk } from '../../src/env/overlay-disk.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { readFile, writeFile } from '../../src/env/whole-file.ts'
import type { Disk, Env, Network } from '../../src/env/env.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { contentsOf, makeCorpora } from './corpus.ts'
import type { Contents, Corpus } from './corpus.ts'

export type Outcome = 'same' | 'cut' | 'refused' | 'refusedByReader' | 'silent'
const OUTCOMES: readonly Outcome[] = ['same', 'cut', 'refused', 'refusedByReader', 'silent']

interface Mutation {
  readonly corpus: Corpus
  /** Relative to the corpus. */
  readonly file: string
  readonly what: string
  apply(disk: Disk): void
}

interface Verdict {
  readonly outcome: Outcome
  readonly why: string
}

export interface Damage {
  readonly count: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Of what was silent, the first forty. */
  readonly examples: readonly string[]
}

export interface DamageOptions {
  readonly count: number
  readonly seed: number
  readonly secondsMax?: number | undefined
  /** The broker cuts what is damaged and goes on: a defect planted to see that it is found. */
  readonly careless?: boolean | undefined
}

/** `count` mutations, half of a directory after a clean stop and half of one after a kill. */
export async function damageFiles({ count, seed, secondsMax = Infinity, careless = false }: DamageOptions): Promise<Damage> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-files-'))
  const random = seededRandom(seed)
  const outcomes = Object.fromEntries(OUTCOMES.map(outcome => [outcome, 0])) as Record<Outcome, number> // One for each.
  const examples: string[] = []
  const began = performance.now()
  let done = 0
  try {
    const corpora = await makeCorpora(directory)
    const prepared = await Promise.all(corpora.map(async corpus => ({
      corpus, files: filesOf(realEnv.disk, corpus.directory), expected: await contentsOf({ ...realEnv, disk: overlayOf() }, corpus.directory),
    })))
    for (; done < count && performance.now() - began < secondsMax * 1000; done++) {
      const one = prepared[done % prepared.length]
      if (one === undefined) break
      const mutation = randomMutation(one.corpus, one.files, random)
      const { outcome, why } = await judge(mutation, one.expected, careless)
      outcomes[outcome]++
      if (outcome === 'silent' && examples.length < 40) examples.push(`${mutation.corpus.name} ${mutation.file}: ${mutation.what}: ${why}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { count: done, outcomes, examples }
}

const KINDS = ['flip', 'zero', 'random', 'truncate', 'repeat', 'append', 'missing'] as const

/** Every file of the directory, but the lock, which holds nothing. */
function filesOf(disk: Disk, directory: string): string[] {
  return disk.list(directory).flatMap(name => {
    if (name === 'lock') return []
    if (/-\d+$/.test(name)) return disk.list(`${directory}/${name}`).map(inner => `${name}/${inner}`)
    return [name]
  })
}

function randomMutation(corpus: Corpus, files: readonly string[], random: SeededRandom): Mutation {
  const file = files[random.below(files.length)] ?? ''
  const path = `${corpus.directory}/${file}`
  const kind = KINDS[random.below(KINDS.length)] ?? 'flip'
  const size = realEnv.disk.size(path)
  const at = random.below(Math.max(1, size))
  const length = Math.min(1 + random.below(kind === 'flip' ? 1 : 512), Math.max(1, size - at))
  const bit = 1 << random.below(8)
  const from = random.below(Math.max(1, size))
  const noise = Buffer.from(Array.from({ length }, () => random.below(256)))
  const apply = (disk: Disk): void => {
    const bytes = readFile(disk, path)
    switch (kind) {
      case 'flip': if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ bit, at); break
      case 'zero': bytes.fill(0, at, Math.min(at + length, bytes.length)); break
      case 'random': noise.copy(bytes, at); break
      case 'repeat': bytes.copy(bytes, at, from, Math.min(from + length, bytes.length)); break
      case 'truncate': return writeFile(disk, path, bytes.subarray(0, at))
      case 'append': return writeFile(disk, path, Buffer.concat([bytes, noise]))
      case 'missing': return disk.unlink(path)
    }
    writeFile(disk, path, bytes)
  }
  return { corpus, file, what: `${kind} ${kind === 'missing' ? '' : `at ${at} of ${size}, ${length} bytes`}`.trim(), apply }
}

/** A network that nobody reaches: the broker is started for its recovery. */
const deaf: Network = {
  listen: options => Promise.resolve({ host: options.host, port: options.port === 0 ? 1 : options.port, close: () => Promise.resolve() }),
  connect: () => Promise.reject(new MillraceError('CONNECTION_FAILED', 'nobody is reached from here')),
}

/** The corpus on a disk that keeps changes to itself, for one look at it. */
export function overlayOf(): Disk {
  return overlayDisk({ ...realEnv.disk, lock: () => Promise.resolve({ release: () => {} }) })
}

/** Applies the mutation to an overlay of the corpus, starts a broker on it, and compares what is there then with `expected`. */
async function judge(mutation: Mutation, expected: Contents, careless: boolean): Promise<Verdict> {
  const { directory } = mutation.corpus
  const disk = overlayOf()
  mutation.apply(disk)
  const path = `${directory}/${mutation.file}`
  const damaged = disk.exists(path) ? readFile(disk, path) : undefined
  const env: Env = { ...realEnv, disk, network: deaf }
  const warnings: string[] = []
  const logger = createLogger({ level: 'warn', write: line => warnings.push(line), now: Date.now })
  try {
    const broker = await Broker.start(env, { directory, logger, acceptDataLoss: careless })
    await broker.close()
  } catch (error) {
    if (!(error instanceof MillraceError)) return { outcome: 'silent', why: `it is no error of ours: ${error instanceof Error ? error.stack ?? error.message : messageOf(error)}` }
    const now = disk.exists(path) ? readFile(disk, path) : undefined
    const isKept = damaged === undefined || (now !== undefined && now.equals(damaged)) || !mutation.file.endsWith('.log')
    return isKept ? { outcome: 'refused', why: error.message } : { outcome: 'silent', why: `refused, but the bytes were changed: ${error.message}` }
  }
  try {
    return compare(expected, await contentsOf(env, directory), warnings)
  } catch (error) {
    if (error instanceof MillraceError) return { outcome: 'refusedByReader', why: error.message }
    return { outcome: 'silent', why: error instanceof Error ? error.stack ?? error.message : messageOf(error) }
  }
}

function compare(expected: Contents, found: Contents, warnings: readonly string[]): Verdict {
  let outcome: Outcome = 'same'
  for (const [name, lines] of expected) {
    // The broker writes there itself as it starts; what it holds shows in what it does, and its own tests hold that.
    if (name.startsWith('__') && found.has(name)) continue
    const now = found.get(name)
    if (now === undefined) return { outcome: 'silent', why: `${name} is gone` }
    const differs = lines.findIndex((line, index) => now[index] !== line)
    if (differs < 0 && now.length === lines.length) continue
    const isPrefix = differs < 0 ? false : now.length === differs
    const isReported = warnings.some(line => line.includes('cut a torn tail') || line.includes('missing'))
    if (!isReported || !(isPrefix || name.endsWith('times') || name.endsWith('committed'))) {
      return { outcome: 'silent', why: `${name} differs at line ${differs}: '${now[differs] ?? 'nothing'}' for '${lines[differs] ?? 'nothing'}' (${now.length} of ${lines.length} lines)` }
    }
    outcome = 'cut'
  }
  return { outcome, why: outcome === 'cut' ? warnings.join(' | ') : '' }
}
