/** The facts of advice, of a running app: its status page tells how it does, its cluster how wide and how safe its topics are. */
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import { realEnv } from '../env/real/env.ts'
import { commandSecurity } from './security.ts'
import { type AdviceFacts, adviceFacts, topicsOf, UNKNOWN_WIDTHS } from '../planner/advice-facts.ts'
import { topicWidths } from '../planner/collect.ts'
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
  return factsOf(status, options, edges, () => Cluster.connect(realEnv, { bootstrap: kafka, security: commandSecurity(), clientId: 'millrace-advise' }))
}

/** Of one without: its processes and its cluster are watched for a while. */
export async function factsOfCluster(app: AppDescription, bootstrap: string, signal: AbortSignal): Promise<Advised> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, security: commandSecurity(), clientId: 'millrace-advise' })
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
  const gaps: string[] = []
  let widths = UNKNOWN_WIDTHS
  try {
    const cluster = await connect()
    try {
      widths = await topicWidths(new Admin(cluster), status.tasks.flatMap(({ task }) => { const { reads, writes } = topicsOf(edges, task); return [...reads, ...writes] }))
    } finally {
      await cluster.close()
    }
  } catch (error) {
    gaps.push(`partitions and replicas of its topics: ${messageOf(error)}`)
  }
  return { facts: adviceFacts(status.app, status.tasks, { options, edges }, widths), gaps }
}
