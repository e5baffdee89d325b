/**
 * A distribution: one version of an engine as a locked list of jars (and Python packages), each with its size and SHA-256.
 *
 * The lists are data in `manifests/`, written by `scripts/engine-manifests.ts` and read at run time; nothing is resolved
 * on a user's machine.
 *
 * M1. Coordinates name one content for ever, as in Maven Central: jars with the same coordinates have the same SHA-256 in
 *     every manifest, so distributions share them on disk (held by a test).
 * M2. A path made from a manifest stays inside the folder it is joined to: parts are checked when it is parsed.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import { readText } from '../files.ts'
import { sha256Of } from './digest.ts'

export interface JarLock {
  readonly group: string
  readonly artifact: string
  readonly version: string
  readonly classifier: string | undefined
  readonly bytes: number
  readonly sha256: string
}

/** A Python package, fetched by pip, which holds it to the SHA-256. */
export interface WheelLock {
  readonly name: string
  readonly version: string
  readonly bytes: number
  readonly sha256: string
}

export interface Manifest {
  readonly name: string
  readonly version: string
  /** What it is, in one line. */
  readonly describe: string
  /** The Java it was tried with and needs at least; 0: none. */
  readonly java: number
  /** What its JVMs have to be given. */
  readonly javaOptions: readonly string[]
  readonly jars: readonly JarLock[]
  readonly wheels: readonly WheelLock[]
}

/** `flink@2.0.0` */
export function titleOf(manifest: { readonly name: string, readonly version: string }): string {
  return `${manifest.name}@${manifest.version}`
}

/** Bytes of everything it consists of. */
export function bytesOf(manifest: Manifest): number {
  return [...manifest.jars, ...manifest.wheels].reduce((sum, part) => sum + part.bytes, 0)
}

/** Changes with every change of what belongs to the distribution. */
export function fingerprintOf(manifest: Manifest): string {
  return sha256Of([...manifest.jars.map(jar => `${jarPath(jar)} ${jar.sha256}`), ...manifest.wheels.map(wheel => `${wheel.name}==${wheel.version} ${wheel.sha256}`)].sort().join('\n'))
}

/** `kafka-clients-4.1.0.jar` */
export function jarFile(jar: JarLock): string {
  return `${jar.artifact}-${jar.version}${jar.classifier === undefined ? '' : `-${jar.classifier}`}.jar`
}

/** Its place in a Maven repository, and under `jars/`: `org/apache/kafka/kafka-clients/4.1.0/kafka-clients-4.1.0.jar`. */
export function jarPath(jar: JarLock): string {
  return [...jar.group.split('.'), jar.artifact, jar.version, jarFile(jar)].join('/')
}

/** 214_300_000 → `214 MB`; decimal. */
export function megabytes(bytes: number): string {
  return `${Math.max(bytes > 0 ? 1 : 0, Math.round(bytes / 1e6))} MB`
}

/** Every manifest that comes with this Millrace, by name, then newest first. */
export function readManifests(disk: Disk, folder = join(dirname(fileURLToPath(import.meta.url)), 'manifests')): Manifest[] {
  return disk.list(folder).filter(name => name.endsWith('.json'))
    .map(name => parseManifest(readText(disk, join(folder, name)), name))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : compareVersions(b.version, a.version))
}

/**
 * The distribution that `wanted` means: `flink` the newest, `flink@2.0` the newest 2.0.x, `flink@2.0.0` that one.
 * Throws `USAGE` where there is none, with what there is.
 */
export function findManifest(manifests: readonly Manifest[], wanted: string): Manifest {
  const [name = '', version, ...rest] = wanted.split('@')
  const known = manifests.filter(manifest => manifest.name === name)
  if (rest.length > 0 || known.length === 0) {
    throw new MillraceError('USAGE', `There is no engine '${wanted}'. There are: ${[...new Set(manifests.map(manifest => manifest.name))].join(', ')}. See: millrace engines ls`)
  }
  const fitting = known.filter(manifest => version === undefined || manifest.version === version || manifest.version.startsWith(`${version}.`))
  const newest = fitting.sort((a, b) => compareVersions(b.version, a.version))[0]
  if (newest === undefined) throw new MillraceError('USAGE', `There is no ${name} ${version === '' ? "''" : version ?? ''} to install. There ${known.length === 1 ? 'is' : 'are'}: ${known.map(titleOf).join(', ')}.`)
  return newest
}

/** By their numbers: 2.10.0 is newer than 2.9.1. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export function parseManifest(text: string, file: string): Manifest {
  const fail = (what: string): never => { throw new MillraceError('CONFIG_INVALID', `Manifest ${file}: ${what}. The installation of Millrace is damaged: run npm ci again.`) }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'no JSON')
  }
  const fields = recordOf(value) ?? fail('no object')
  const name = (of: Readonly<Record<string, unknown>>, key: string): string => {
    const part = of[key]
    // M2: no separator, no dot alone, nothing that a path or a URL reads as something else.
    return typeof part === 'string' && /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(part) && !part.includes('..') ? part : fail(`'${key}' is ${JSON.stringify(part)}`)
  }
  const lock = (of: Readonly<Record<string, unknown>>): { bytes: number, sha256: string } => {
    const { bytes, sha256 } = of
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes <= 0) return fail(`'bytes' is ${JSON.stringify(bytes)}`)
    return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { bytes, sha256 } : fail(`'sha256' is ${JSON.stringify(sha256)}`)
  }
  const list = (key: string): Readonly<Record<string, unknown>>[] => {
    const items = fields[key]
    return Array.isArray(items) ? items.map(item => recordOf(item) ?? fail(`'${key}' holds no object`)) : fail(`'${key}' is no list`)
  }
  const { java, describe, javaOptions } = fields
  return {
    name: name(fields, 'name'),
    version: name(fields, 'version'),
    describe: typeof describe === 'string' ? describe : fail("'describe' is no text"),
    java: typeof java === 'number' && Number.isInteger(java) ? java : fail(`'java' is ${JSON.stringify(java)}`),
    javaOptions: Array.isArray(javaOptions) ? javaOptions.map(String) : fail("'javaOptions' is no list"),
    jars: list('jars').map(jar => ({ group: name(jar, 'group'), artifact: name(jar, 'artifact'), version: name(jar, 'version'), classifier: jar['classifier'] === undefined ? undefined : name(jar, 'classifier'), ...lock(jar) })),
    wheels: list('wheels').map(wheel => ({ name: name(wheel, 'name'), version: name(wheel, 'version'), ...lock(wheel) })),
  }
}

/** An object's fields; `undefined` for anything else. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  // A record of unknown fields is what any object is.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : undefined
}
