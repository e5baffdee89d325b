/**
 * The folder of installed engines.
 *
 *   jars/<group>/<artifact>/<version>/<file>.jar         shared by all distributions; `.part` beside it while it is fetched
 *   <name>-<version>/installed.json                      written last: without it the distribution is not there
 *   <name>-<version>/python/                             Python packages, where it has some
 *   lock                                                 who installs now
 *
 * S1. A jar has its final name only after its SHA-256 was found right and its bytes are on disk.
 * S2. A distribution counts as installed when installed.json names the very content of this Millrace's manifest and every
 *     jar is there in its size; so neither an interrupted install nor a deleted jar is taken for a whole one.
 */
import { join } from 'node:path'
import { MillraceError } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import { readText } from '../files.ts'
import { enginesDirectory, type Environment } from './location.ts'
import { bytesOf, fingerprintOf, findManifest, type JarLock, jarPath, type Manifest, megabytes, readManifests, recordOf, titleOf } from './manifest.ts'

const FORMAT = 1

export interface Installation {
  readonly manifest: Manifest
  /** `<name>-<version>/`, absolute. */
  readonly directory: string
  /** Absolute paths of its jars, in the manifest's order. */
  readonly classpath: readonly string[]
  /** What `PYTHONPATH` needs; `undefined` where it has no Python packages. */
  readonly pythonPath: string | undefined
}

export class EngineStore {
  /** Absolute. */
  readonly directory: string
  readonly manifests: readonly Manifest[]
  readonly #disk: Disk

  constructor(options: { readonly directory: string, readonly disk: Disk, readonly manifests: readonly Manifest[] }) {
    this.directory = options.directory
    this.manifests = options.manifests
    this.#disk = options.disk
  }

  /** `wanted` as in `flink`, `flink@2.0`, `flink@2.0.0`. Throws `USAGE` where no such distribution exists. */
  find(wanted: string): Manifest {
    return findManifest(this.manifests, wanted)
  }

  /** Every distribution that is whole. */
  installed(): Installation[] {
    return this.manifests.filter(manifest => this.isInstalled(manifest)).map(manifest => this.#installationOf(manifest))
  }

  isInstalled(manifest: Manifest): boolean {
    return this.isMarked(manifest) && this.damageOf(manifest) === undefined
  }

  /** What a marked distribution lacks, in words; `undefined` where it is whole. */
  damageOf(manifest: Manifest): string | undefined {
    const missing = this.missingJars(manifest)
    if (missing.length > 0) return `${missing.length} of its ${manifest.jars.length} jars are missing or cut off, the first is ${this.pathOf(missing[0])}`
    return this.hasWheels(manifest) ? undefined : `${this.pythonPath(manifest)} is missing`
  }

  /** Its Python packages, where it has some, are in place. */
  hasWheels(manifest: Manifest): boolean {
    return manifest.wheels.length === 0 || (this.isMarked(manifest) && this.#disk.exists(this.pythonPath(manifest)))
  }

  /** An install of exactly this content has ended well once; S2 wants the jars too. */
  isMarked(manifest: Manifest): boolean {
    const path = this.markPath(manifest)
    if (!this.#disk.exists(path)) return false
    let mark: unknown
    try {
      mark = JSON.parse(readText(this.#disk, path))
    } catch {
      // Not written by us, or cut off by a crash before it reached the disk: as if it were not there.
      return false
    }
    const fields = recordOf(mark)
    return fields?.['format'] === FORMAT && fields['fingerprint'] === fingerprintOf(manifest)
  }

  /** Throws `ENGINE_MISSING` with the command that installs it. */
  installation(wanted: string): Installation {
    const manifest = this.find(wanted)
    if (!this.isInstalled(manifest)) {
      const missing = this.missingJars(manifest)
      const bytes = missing.length === 0 ? bytesOf(manifest) : missing.reduce((sum, jar) => sum + jar.bytes, 0)
      const state = !this.isMarked(manifest) ? 'is not installed' : `is damaged: ${this.damageOf(manifest)}`
      throw new MillraceError('ENGINE_MISSING', `${titleOf(manifest)} ${state}. Run: millrace engines install ${manifest.name}@${shortVersion(manifest.version)} (${megabytes(bytes)})`, { detail: { engine: manifest.name, version: manifest.version, directory: this.directory } })
    }
    return this.#installationOf(manifest)
  }

  /** Absolute paths of a distribution's jars. Rejects with `ENGINE_MISSING` with the command that installs it. */
  async classpathOf(wanted: string): Promise<readonly string[]> {
    return this.installation(wanted).classpath
  }

  /** Jars that are not here in full, each once. */
  missingJars(manifest: Manifest): JarLock[] {
    const byPath = new Map(manifest.jars.map(jar => [this.pathOf(jar), jar]))
    return [...byPath].filter(([path, jar]) => !this.#disk.exists(path) || this.#disk.size(path) !== jar.bytes).map(([, jar]) => jar)
  }

  pathOf(jar: JarLock | undefined): string {
    return jar === undefined ? join(this.directory, 'jars') : join(this.directory, 'jars', ...jarPath(jar).split('/'))
  }

  directoryOf(manifest: Manifest): string {
    return join(this.directory, `${manifest.name}-${manifest.version}`)
  }

  pythonPath(manifest: Manifest): string {
    return join(this.directoryOf(manifest), 'python')
  }

  markPath(manifest: Manifest): string {
    return join(this.directoryOf(manifest), 'installed.json')
  }

  /** Writes installed.json, durable when it resolves. Only after everything else is in place (S2). */
  async mark(manifest: Manifest, now: number): Promise<void> {
    const directory = this.directoryOf(manifest)
    this.#disk.makeDirectory(directory)
    const path = this.markPath(manifest)
    const part = `${path}.part`
    const text = { format: FORMAT, name: manifest.name, version: manifest.version, fingerprint: fingerprintOf(manifest), installedAt: new Date(now).toISOString(), jars: manifest.jars.map(jarPath) }
    const file = this.#disk.open(part, 'create')
    try {
      file.truncate(0)
      file.write(Buffer.from(`${JSON.stringify(text, undefined, 2)}\n`), 0)
      await file.datasync()
    } finally {
      file.close()
    }
    this.#disk.rename(part, path)
    await this.#disk.syncDirectory(directory)
  }

  #installationOf(manifest: Manifest): Installation {
    return {
      manifest, directory: this.directoryOf(manifest), classpath: manifest.jars.map(jar => this.pathOf(jar)),
      pythonPath: manifest.wheels.length === 0 ? undefined : this.pythonPath(manifest),
    }
  }
}

/** The store that the environment names, with the manifests of this Millrace. */
export function openEngineStore(disk: Disk, environment: Environment): EngineStore {
  return new EngineStore({ directory: enginesDirectory(environment), disk, manifests: readManifests(disk) })
}

/** 2.0.0 → `2.0` */
function shortVersion(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}
