/** Connecting for one command: to the cluster that the options name, closed when the command ends. */
import { MillraceError } from '../base/errors.ts'
import { createLogger, type Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { realEnv } from '../env/real/env.ts'
import { counted } from './render.ts'
import { usage } from './command.ts'
import { commandSecurity } from './security.ts'
import type { Call } from './command.ts'

export const BOOTSTRAP_DEFAULT = 'localhost:9092'

export function bootstrapOf(call: Call): string {
  return call.text('bootstrap') ?? process.env['MILLRACE_BOOTSTRAP'] ?? BOOTSTRAP_DEFAULT
}

/** Of a command that starts brokers unless it is told of some: `--cluster` before $MILLRACE_BOOTSTRAP, and never beside `--bootstrap`. */
export function brokersOf(call: Call): { readonly bootstrap: string | undefined, readonly kafkaBrokers: number | undefined } {
  const [named, kafkaBrokers] = [call.text('bootstrap'), call.number('cluster')]
  if (kafkaBrokers === undefined) return { bootstrap: named ?? process.env['MILLRACE_BOOTSTRAP'], kafkaBrokers }
  if (named !== undefined) throw usage('--cluster starts brokers here, --bootstrap names some that run: give one of them.')
  return { bootstrap: undefined, kafkaBrokers }
}

/** How long a command asks again where a broker cannot do it now: long enough for a leader to be elected, short enough for who waits. */
export const PATIENCE_MS = 15_000
const WARN_EVERY_MS = 5000
/** A command ends by itself on Ctrl-C where it can; one that waits for a broker is not waited for. */
const INTERRUPTED_MS = 1000
const INTERRUPTED_EXIT_CODE = 130

/** Runs `work` with a connected cluster and closes it, whatever happens; gives the exit code. */
export async function withCluster(call: Call, work: (cluster: Cluster, admin: Admin) => Promise<number>): Promise<number> {
  return Promise.race([connected(call, work), interrupted(call.signal)])
}

/** Says that the cluster is not to be reached, and not ten times a second. */
function patientLogger(call: Call): Logger {
  let saidMs = -Infinity
  return createLogger({
    level: 'warn', now: Date.now,
    write: line => {
      if (performance.now() - saidMs < WARN_EVERY_MS) return
      saidMs = performance.now()
      call.output.note(`${line} (it is tried again; Ctrl-C ends)`)
    },
  })
}

function interrupted(signal: AbortSignal): Promise<number> {
  return new Promise(resolve => {
    signal.addEventListener('abort', () => setTimeout(() => resolve(INTERRUPTED_EXIT_CODE), INTERRUPTED_MS))
  })
}

async function connected(call: Call, work: (cluster: Cluster, admin: Admin) => Promise<number>): Promise<number> {
  const bootstrap = bootstrapOf(call)
  if (!/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/.test(bootstrap) && !bootstrap.includes('[')) {
    throw new MillraceError('USAGE', `--bootstrap takes HOST:PORT[,HOST:PORT…], not '${bootstrap}'.`)
  }
  const cluster = await Cluster.connect(realEnv, { bootstrap, security: commandSecurity(), clientId: 'millrace-cli', connectTimeoutMs: 5000, deliveryTimeoutMs: PATIENCE_MS, logger: patientLogger(call) })
  try {
    return await work(cluster, new Admin(cluster))
  } catch (error) {
    throw asUsage(error)
  } finally {
    await cluster.close()
  }
}

/** What a broker refuses because of what was asked, not because of its own state: exit code 2, as for any wrong argument. */
const ASKED_WRONGLY: ReadonlySet<unknown> = new Set([
  'TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC_EXCEPTION', 'INVALID_PARTITIONS', 'INVALID_REPLICATION_FACTOR', 'INVALID_CONFIG', 'INVALID_REQUEST', 'POLICY_VIOLATION',
])

function asUsage(error: unknown): unknown {
  if (!(error instanceof MillraceError) || !ASKED_WRONGLY.has(error.detail['kafkaError'])) return error
  return new MillraceError('USAGE', `The broker refused: ${error.message}.`, { detail: error.detail, cause: error })
}

/** `partition` itself, where it is one of the topic's; `undefined` for all. */
export function onePartition(topic: string, partitions: readonly number[], partition: number | undefined): number | undefined {
  if (partition === undefined || partitions.includes(partition)) return partition
  throw usage(`Topic '${topic}' has ${counted(partitions.length, 'partition')}, ${partitions.length === 1 ? 'number 0' : `0 to ${partitions.length - 1}`}, and no ${partition}.`)
}

/** The topic's partition numbers; an unknown topic is named together with what to do. */
export async function partitionsOf(cluster: Cluster, topic: string): Promise<number[]> {
  try {
    return (await cluster.partitions(topic)).map(partition => partition.partition)
  } catch (error) {
    if (error instanceof MillraceError && error.detail['kafkaCode'] === 3) {
      throw new MillraceError('USAGE', `Topic '${topic}' does not exist. 'millrace topic ls' lists the topics, 'millrace topic new ${topic}' makes it.`, { cause: error })
    }
    throw error
  }
}
