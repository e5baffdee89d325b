/**
 * The command lines of the contenders and of the reader. Java is compiled by plain javac against the jars of `millrace engines install`, once for each content.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { realEnv } from 'millrace/client'
import { openEngineStore } from '../../src/engines/install/store.ts'
import type { Contender, JavaKind } from './contenders.ts'
import { BENCH, BENCH_DIST, ROOT } from './places.ts'

export interface Command { readonly command: string, readonly args: readonly string[], readonly cwd: string }

const ENGINE: Readonly<Record<JavaKind | 'kafka', string>> = { 'kafka-streams': 'kafka-streams@4.1', flink: 'flink@2.0', spark: 'spark@3.5', kafka: 'kafka@4.1' }
const QUIET = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-XX:-UsePerfData']

function installation(of: JavaKind | 'kafka') {
  // In a checkout the engines of the tests do.
  const fallback = join(ROOT, '.tools', 'engines')
  const environment = process.env['MILLRACE_ENGINES'] === undefined && existsSync(fallback) ? { ...process.env, MILLRACE_ENGINES: fallback } : process.env
  return openEngineStore(realEnv.disk, environment).installation(ENGINE[of])
}

export function kafkaClasspath(): readonly string[] {
  return installation('kafka').classpath
}

/** Throws with the command that installs what is missing. */
export function commandOf({ program }: Contender): Command {
  switch (program.kind) {
    case 'java': {
      const { classpath, manifest } = installation(program.of)
      const classes = compiled(program.of, [join(BENCH, 'contenders', 'shared'), join(BENCH, 'contenders', program.of)], classpath)
      return { command: 'java', cwd: BENCH, args: [...manifest.javaOptions, `-Xmx${program.heap}`, ...QUIET, ...LOGGING[program.of], '-cp', [classes, ...classpath].join(':'), program.mainClass, ...program.args] }
    }
    case 'npm':
      if (!existsSync(join(BENCH, 'contenders', 'npm', 'node_modules'))) throw new Error('The rivals from npm are not installed. Run: npm ci --prefix bench/contenders/npm --ignore-scripts')
      return { command: process.execPath, cwd: BENCH, args: [join(BENCH, program.script), ...program.args] }
    case 'millrace': return { command: process.execPath, cwd: ROOT, args: ['--enable-source-maps', join(BENCH_DIST, 'contenders', 'millrace', 'start.js'), join(BENCH_DIST, program.app)] }
  }
}

export function readerCommand(): Command {
  const { classpath } = installation('kafka-streams')
  const classes = compiled('reader', [join(BENCH, 'reader')], classpath)
  return { command: 'java', cwd: BENCH, args: ['-Xmx3g', ...QUIET, '-cp', [classes, ...classpath].join(':'), 'Reader'] }
}

/** Of the Java client of bench/transport. */
export function transportClasspath(): readonly string[] {
  const { classpath } = installation('kafka-streams')
  return [compiled('transport', [join(BENCH, 'contenders', 'transport')], classpath), ...classpath]
}

/** Flink and Spark bring log4j, whose default is errors alone; said here so that a failure's reason is in the log. */
const LOGGING: Readonly<Record<JavaKind, readonly string[]>> = {
  'kafka-streams': [],
  flink: ['-Dlog4j2.level=WARN', '-Dlog4j.configurationFile=' + join(BENCH, 'contenders', 'log4j2.properties')],
  spark: ['-Dlog4j2.configurationFile=' + join(BENCH, 'contenders', 'log4j2.properties')],
}

function compiled(name: string, folders: readonly string[], classpath: readonly string[]): string {
  const files = folders.flatMap(folder => readdirSync(folder).filter(file => file.endsWith('.java')).map(file => join(folder, file)))
  const digest = createHash('sha256')
  for (const text of [...classpath, ...files.map(file => readFileSync(file, 'utf8'))]) digest.update(text).update('\0')
  const classes = join(BENCH, '.build', `${name}-${digest.digest('hex').slice(0, 16)}`)
  if (existsSync(classes)) return classes
  const part = `${classes}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  execFileSync('javac', ['-nowarn', '-d', part, '-cp', classpath.join(':'), ...files], { stdio: ['ignore', 'ignore', 'pipe'] })
  renameSync(part, classes)
  return classes
}
