/** The facts of advice, of a running app: its status page tells how it does, its cluster how wide and how safe its topics are. */
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import { realEnv } from '../env/real/env.ts'
import type { AdviceFacts } from '../planner/advice-facts.ts'
import { StatusCollector } from '../http/status.ts'
import type { AppStatus } from '../http/status.ts'
import { describe } from '../topology/describe.ts'
import type { AppGraph } from '../topology/describe.ts'
import { build } from '../topology/build.ts'
import type { AppDescription } from '../topology/node.ts'
import { optionTable } from '../topology/options.ts'
import type { OptionRow } from '../topology/options.ts'
import type { StatusClient } from './status-client.ts'

/** How long an app without a status page is watched. */
export const WATCH_MS = 10_000

export interface Advised {
  readonly facts: AdviceFacts
  /** What could not be asked. */
  readonly gaps: readonly string[]
}

/** Of a running app with a status page. */
export async function factsOfStatus(client: StatusClient): Promise<Advised> {
  const { status, options, kafka, edges } = await client.live()
  return factsOf(status, options, edges, () => Cluster.connect(realEnv, { bootstrap: kafka, clientId: 'millrace-advise' }))
}

/** Of one without: its processes and its cluster are watched for a while. */
export async function factsOfCluster(app: AppDescription, bootstrap: string, signal: AbortSignal): Promise<Advised> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'millrace-advise' })
  const collector = new StatusCollector(cluster, app, silentLogger)
  try {
    await collector.start()
    for (let waited = 0; waited < WATCH_MS && !signal.aborted; waited += 500) {
      await cluster.env.clock.sleep(500)
      collector.status() // Somebody looks: lag is asked for each second.
    }
    const status = collector.status()
    if (status.tasks.every(task => task.processes === 0) && status.lag.length === 0) {
      throw new MillraceError('CONNECTION_FAILED', `Nothing of app '${app.name}' runs on ${bootstrap}, and none of its groups has committed anything. Start it (millrace start …), or name the cluster it runs on with --bootstrap.`)
    }
    return await factsOf(status, optionTable(app), describe(build(app)).edges, () => Promise.resolve(cluster))
  } finally {
    await collector.close()
    if (!cluster.closed) await cluster.close()
  }
}

async function factsOf(status: AppStatus, options: readonly OptionRow[], edges: AppGraph['edges'], connect: () => Promise<Cluster>): Promise<Advised> {
  const topicsBy = (task: string, way: 'read' | 'write'): string[] => edges.flatMap(edge => way === 'read'
    ? edge.to === `task:${task}` && edge.as !== 'globalTable' && edge.as !== 'repartition' ? [edge.from.slice('topic:'.length)] : []
    : edge.from === `task:${task}` && edge.as === 'write' ? [edge.to.slice('topic:'.length)] : [])
  const names = [...new Set(status.tasks.flatMap(({ task }) => [...topicsBy(task, 'read'), ...topicsBy(task, 'write')]))]
  const gaps: string[] = []
  const known = new Map<string, { readonly partitions: number, readonly replicas: number }>()
  let brokers: number | null = null
  try {
    const cluster = await connect()
    try {
      const admin = new Admin(cluster)
      const existing = new Set(await admin.listTopics())
      for (const { name, partitions } of await admin.describeTopics(names.filter(name => existing.has(name)))) known.set(name, { partitions: partitions.length, replicas: Math.min(...partitions.map(each => each.replicas.length)) })
      brokers = cluster.nodes.length
    } finally {
      await cluster.close()
    }
  } catch (error) {
    gaps.push(`partitions and replicas of its topics: ${messageOf(error)}`)
  }
  const of = <T>(way: 'read' | 'write', pick: (topic: string, about: { readonly partitions: number, readonly replicas: number }) => T): Map<string, T[]> =>
    new Map(status.tasks.map(({ task }) => [task, topicsBy(task, way).flatMap(topic => { const about = known.get(topic); return about === undefined ? [] : [pick(topic, about)] })]))
  return { facts: { app: status.app, tasks: status.tasks, options, reads: of('read', (topic, { partitions }) => ({ topic, partitions })), writes: of('write', (topic, { replicas }) => ({ topic, replicas })), brokers }, gaps }
}
