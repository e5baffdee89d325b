/** `millrace engines ls|install|classpath`: real versions of other engines, kept apart from Millrace and used only where asked. */
import { delimiter } from 'node:path'
import { realEnv } from '../../env/real/env.ts'
import { type InstallEvents, installDistributions, type InstallProgress, Rate, realDownloads } from '../../engines/install/install.ts'
import { type Java, javaShortfall } from '../../engines/install/java.ts'
import { repositoryUrl } from '../../engines/install/location.ts'
import { bytesOf, type Manifest, megabytes, titleOf } from '../../engines/install/manifest.ts'
import { type EngineStore, openEngineStore } from '../../engines/install/store.ts'
import { defineCommand } from '../command.ts'
import { findJava } from '../java.ts'
import { installWheels } from '../pip.ts'
import type { Output } from '../render.ts'

export const enginesList = defineCommand({
  path: ['engines', 'ls'],
  summary: 'engines that can be installed, and which are',
  positionals: [],
  options: {},
  examples: ['millrace engines ls', 'millrace engines ls --json'],
  async run(call) {
    const store = openEngineStore(realEnv.disk, process.env)
    const java = await findJava(process.env)
    const rows = store.manifests.map(manifest => ({ manifest, state: stateOf(store, manifest) }))
    call.output.document({
      directory: store.directory, java: java ?? null,
      engines: rows.map(({ manifest: { name, version, describe, java: javaMin, jars, wheels }, manifest, state }) => ({ name, version, describe, bytes: bytesOf(manifest), jars: jars.length, pythonPackages: wheels.length, javaMin, javaFound: javaShortfall(javaMin, java) === undefined, installed: store.isInstalled(manifest), state })),
    })
    call.output.table(['ENGINE', 'VERSION', 'SIZE', 'STATE', 'JAVA', ''], rows.map(({ manifest, state }) => [manifest.name, manifest.version, megabytes(bytesOf(manifest)), state, manifest.java === 0 ? '' : `${manifest.java}+ ${javaShortfall(manifest.java, java) === undefined ? 'found' : 'missing'}`, manifest.describe]), { right: [2] })
    call.output.line()
    call.output.line(`Kept in ${store.directory} ($MILLRACE_ENGINES). ${java === undefined ? 'No Java found.' : `Java ${java.version} found.`}`)
    return 0
  },
})

export const enginesClasspath = defineCommand({
  path: ['engines', 'classpath'],
  summary: 'the jars of an installed engine, for java -cp',
  positionals: [{ name: 'NAME', describe: 'an engine, as in flink, flink@2.0, flink@2.0.0' }],
  options: {},
  examples: ['java -cp "$(millrace engines classpath kafka-streams)" Main.java'],
  async run(call) {
    const { manifest, classpath, pythonPath } = openEngineStore(realEnv.disk, process.env).installation(call.required('NAME'))
    call.output.document({ name: manifest.name, version: manifest.version, classpath, javaOptions: manifest.javaOptions, pythonPath: pythonPath ?? null })
    call.output.line(classpath.join(delimiter))
    return 0
  },
})

export const enginesInstall = defineCommand({
  path: ['engines', 'install'],
  summary: 'fetch real engines: sizes first, checksums, goes on where it stopped',
  positionals: [{ name: 'NAME', describe: 'an engine, as in flink, flink@2.0, flink@2.0.0; see millrace engines ls', many: true }],
  options: {},
  examples: ['millrace engines install kafka-streams flink', 'millrace engines install spark@3.5 --json', 'MILLRACE_MAVEN=https://maven.example.org/central millrace engines install flink'],
  async run(call) {
    const store = openEngineStore(realEnv.disk, process.env)
    const manifests = [...new Set(call.many('NAME').map(name => store.find(name)))]
    const repository = repositoryUrl(process.env, realEnv.disk)
    const { output } = call
    output.line(`${repository} → ${store.directory}`)
    try {
      const world = { ...realDownloads(realEnv, fetch), installWheels }
      const results = await installDistributions({ store, manifests, repository, world, signal: call.signal, events: eventsOn(output) })
      const java = await findJava(process.env)
      output.document({
        directory: store.directory, repository, java: java ?? null,
        installed: results.map(({ manifest, fetchedBytes, elapsedMs }) => ({ name: manifest.name, version: manifest.version, directory: store.directoryOf(manifest), jars: manifest.jars.length, bytes: bytesOf(manifest), fetchedBytes, elapsedMs: Math.round(elapsedMs), javaMin: manifest.java, javaFound: javaShortfall(manifest.java, java) === undefined })),
      })
      sayJava(output, manifests, java)
      return 0
    } catch (error) {
      if (!call.signal.aborted) throw error
      output.note('Stopped. What was fetched is kept: the same command goes on from there.')
      output.document({ directory: store.directory, interrupted: true })
      return 130
    }
  },
})

function stateOf(store: EngineStore, manifest: Manifest): string {
  if (!store.isMarked(manifest)) return 'not installed'
  return store.damageOf(manifest) === undefined ? 'installed' : 'damaged: install it again'
}

function eventsOn(output: Output): InstallEvents {
  let rate = new Rate(realEnv.clock)
  let quarter = 0
  let drawnAt = 0
  const reasons = new Set<string>()
  return {
    planned({ manifest, bytes, hereBytes, missing }) {
      const parts = [manifest.jars.length > 0 ? `${manifest.jars.length} jars` : '', manifest.wheels.length > 0 ? `${manifest.wheels.length} Python packages` : ''].filter(part => part !== '').join(' and ')
      const here = hereBytes >= bytes && missing.length === 0 ? ', all of it here already' : hereBytes > 0 ? `, ${megabytes(hereBytes)} of it here already` : ''
      output.line(`${titleOf(manifest)}: ${parts}, ${megabytes(bytes)}${here}`)
    },
    progress(progress) {
      if (output.live) {
        const now = realEnv.clock.monotonic()
        if (now - drawnAt < 100) return
        drawnAt = now
        output.progress(progressLine(progress, rate.read(progress.doneBytes)))
        return
      }
      // Elsewhere than on a terminal: a line for each quarter, none for the last, which says more.
      const reached = Math.floor(progress.doneBytes / progress.bytes * 4)
      if (reached > quarter && reached < 4) output.progress(`${titleOf(progress.manifest)}: ${reached * 25} %, ${megabytes(progress.doneBytes)} of ${megabytes(progress.bytes)}`, { final: true })
      quarter = Math.max(quarter, reached)
    },
    retry(file, reason) {
      // Four files at a time fail for one reason: it is told once.
      if (!reasons.has(reason)) output.note(`${file}: ${reason}; trying again`)
      reasons.add(reason)
    },
    waiting: () => output.note('Another install uses this folder; waiting until it is done.'),
    wheels: manifest => output.note(`${titleOf(manifest)}: pip fetches and builds ${manifest.wheels.map(wheel => `${wheel.name} ${wheel.version} (${megabytes(wheel.bytes)})`).join(', ')}; this takes minutes`),
    done({ manifest, fetchedBytes, elapsedMs }) {
      rate = new Rate(realEnv.clock)
      quarter = 0
      if (elapsedMs > 0) output.line(`${titleOf(manifest)}: installed, ${megabytes(fetchedBytes)} fetched in ${(elapsedMs / 1000).toFixed(1)} s`)
    },
  }
}

const BAR_WIDTH = 24

function progressLine({ manifest, doneBytes, bytes, jarsDone, jars }: InstallProgress, bytesPerSecond: number): string {
  const share = Math.min(1, doneBytes / bytes)
  const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')
  const left = bytesPerSecond > 0 ? `  ${megabytes(bytesPerSecond)}/s  ${Math.ceil((bytes - doneBytes) / bytesPerSecond)} s left` : ''
  return `${titleOf(manifest)}  ${bar}  ${Math.floor(share * 100)} %  ${megabytes(doneBytes)} of ${megabytes(bytes)}  ${jarsDone}/${jars} jars${left}`
}

/** What is missing to run them; not a failure of the install. */
function sayJava(output: Output, manifests: readonly Manifest[], java: Java | undefined): void {
  const most = Math.max(0, ...manifests.map(manifest => manifest.java))
  const shortfall = javaShortfall(most, java)
  if (shortfall !== undefined) output.note(shortfall)
}
