/** Connecting for one command: to the cluster that the options name, closed when the command ends. */
import { MillraceError } from '../base/errors.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { realEnv } from '../env/real/env.ts'
import type { Call } from './command.ts'

export const BOOTSTRAP_DEFAULT = 'localhost:9092'

export function bootstrapOf(call: Call): string {
  return call.text('bootstrap') ?? process.env['MILLRACE_BOOTSTRAP'] ?? BOOTSTRAP_DEFAULT
}

/** Runs `work` with a connected cluster and closes it, whatever happens. */
export async function withCluster<T>(call: Call, work: (cluster: Cluster, admin: Admin) => Promise<T>): Promise<T> {
  const bootstrap = bootstrapOf(call)
  if (!/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/.test(bootstrap) && !bootstrap.includes('[')) {
    throw new MillraceError('USAGE', `--bootstrap takes HOST:PORT[,HOST:PORT…], not '${bootstrap}'.`)
  }
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'millrace-cli', connectTimeoutMs: 5000 })
  try {
    return await work(cluster, new Admin(cluster))
  } finally {
    await cluster.close()
  }
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
