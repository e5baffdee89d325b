/** `millrace broker status`: what a running broker holds, how durable it is, and who waits in it; the embedded one, or any of Kafka's. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exitCodeOf, messageOf, MillraceError } from '../../base/errors.ts'
import { UNSERVED_FILE } from '../../broker/broker.ts'
import { MEMORY_DIRECTORY } from '../../broker/in-memory.ts'
import type { Admin } from '../../client/admin.ts'
import type { Cluster } from '../../client/cluster.ts'
import { describeLogDirs } from '../../wire/apis/35-describe-log-dirs.ts'
import { unservedFindings } from '../doctor.ts'
import { bootstrapOf, withCluster } from '../cluster.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { counted, formatBytes } from '../render.ts'

/** Kafka's word for never. */
const NEVER = '9223372036854775807'

interface LogDirectory {
  readonly node: number
  readonly directory: string
  readonly bytes: number
  readonly freeBytes: number | null
}

export const brokerStatus = defineCommand({
  path: ['broker', 'status'],
  summary: 'a running broker: address, data, durability, topics, groups, open transactions',
  positionals: [],
  options: {
    ...CLUSTER_OPTIONS,
    data: { type: 'string', short: 'd', value: 'DIR', describe: 'where nobody answers, says who holds this data directory', default: '.millrace/data/broker' },
  },
  examples: ['millrace broker status', 'millrace broker status --bootstrap localhost:9095 --json'],
  async run(call) {
    const bootstrap = bootstrapOf(call)
    try {
      return await withCluster(call, (cluster, admin) => running(call, bootstrap, cluster, admin))
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'CONNECTION_FAILED') throw error
      return notRunning(call, bootstrap, error)
    }
  },
})

async function running(call: Call, bootstrap: string, cluster: Cluster, admin: Admin): Promise<number> {
  const { clusterId, nodes } = await admin.describeCluster()
  const directories = (await Promise.all(nodes.map(node => directoriesOf(cluster, node.id)))).flat()
  const durability = await durabilityOf(admin, nodes[0]?.id ?? 1, directories)
  const topics = await admin.describeTopics(await admin.listTopics({ internal: true }))
  const groups = await admin.listGroups()
  const transactions = (await admin.listTransactions()).filter(({ state }) => state === 'Ongoing' || state.startsWith('Prepare'))
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions.length, 0)
  const internal = topics.filter(topic => topic.internal).length
  const unserved = unservedFindings(directories.map(each => each.directory)).filter(finding => finding.verdict === 'warning').length
  const states = countsOf(groups.map(group => group.state.toLowerCase()))
  call.output.document({
    bootstrap, clusterId, nodes, directories, durability: durability.kind, topics: topics.length, internalTopics: internal, partitions,
    groups: Object.fromEntries(states), openTransactions: transactions.map(({ transactionalId, state }) => ({ transactionalId, state })), unservedRequests: unserved,
  })
  const line = (name: string, text: string): void => call.output.line(`  ➜ ${name.padEnd(13)}${text}`)
  call.output.line(`  ${call.output.style('bold', bootstrap)} answers`)
  call.output.line()
  line('Cluster', `${clusterId}, ${counted(nodes.length, 'node')}: ${nodes.map(({ id, host, port }) => `${id} at ${host}:${port}`).join(', ')}`)
  for (const { node, directory, bytes, freeBytes } of directories) {
    const free = freeBytes === null ? '' : `, ${formatBytes(freeBytes)} free`
    line('Data', `${directory === MEMORY_DIRECTORY ? 'in memory, gone when it ends' : directory}: ${formatBytes(bytes)}${free}${nodes.length > 1 ? ` (node ${node})` : ''}`)
  }
  line('Durability', durability.text)
  line('Topics', `${counted(topics.length, 'topic')}, ${counted(partitions, 'partition')}${internal > 0 ? `; ${internal} of them internal` : ''}`)
  line('Groups', groups.length === 0 ? 'none' : `${counted(groups.length, 'group')}: ${states.map(([state, count]) => `${count} ${state}`).join(', ')}`)
  line('Transactions', transactions.length === 0 ? 'none open' : `${transactions.length} open: ${transactions.slice(0, 5).map(({ transactionalId }) => JSON.stringify(transactionalId)).join(', ')}${transactions.length > 5 ? ' …' : ''}`)
  if (unserved > 0) line('Not served', `${counted(unserved, 'kind')} of requests was asked for and refused: millrace doctor names them (${UNSERVED_FILE})`)
  return 0
}

async function directoriesOf(cluster: Cluster, node: number): Promise<LogDirectory[]> {
  const { results } = await cluster.request({ node }, describeLogDirs, { topics: null })
  return results.map(({ logDir, usableBytes, topics }) => ({
    node, directory: logDir, freeBytes: usableBytes < 0 ? null : usableBytes,
    bytes: topics.reduce((sum, topic) => sum + topic.partitions.reduce((all, partition) => all + partition.partitionSize, 0), 0),
  }))
}

/** As the broker's configuration says it, in Kafka's words for it. */
async function durabilityOf(admin: Admin, node: number, directories: readonly LogDirectory[]): Promise<{ readonly kind: string, readonly text: string }> {
  if (directories[0]?.directory === MEMORY_DIRECTORY) return { kind: 'memory', text: 'memory: acknowledged at once, gone when it ends' }
  const configs = (await admin.describeConfigs([{ type: 'broker', name: String(node) }])).get(String(node)) ?? []
  const valueOf = (name: string): string | null => configs.find(config => config.name === name)?.value ?? null
  const [messages, ms] = [valueOf('log.flush.interval.messages'), valueOf('log.flush.interval.ms')]
  if (messages === '1') return { kind: 'sync', text: 'sync: acknowledged after fsync' }
  if (ms !== null && ms !== NEVER) return { kind: 'interval', text: `interval: fsync every ${ms} ms; a power cut may take what was acknowledged since` }
  return { kind: 'os', text: 'os: no fsync; a power cut may take what the system had not written, where no replica has it' }
}

/** Nobody answers: that, and who has the data. */
function notRunning(call: Call, bootstrap: string, error: MillraceError): number {
  const directory = resolve(call.text('data') ?? '')
  const isData = existsSync(join(directory, 'meta.properties'))
  const pid = isData ? holderOf(directory) : undefined
  const held = !isData ? `${directory} is no data directory` : pid === undefined ? `${directory} is held by nobody` : `${directory} is held by process ${pid}: a broker at another address`
  call.output.document({ bootstrap, running: false, reason: error.message, directory: isData ? directory : null, heldBy: pid ?? null })
  call.output.line(`  ${bootstrap} does not answer: ${messageOf(error)}`)
  call.output.line(`  ➜ Data         ${held}`)
  call.output.line(pid === undefined ? '  Start it: millrace broker start' : '  Name its address: millrace broker status --bootstrap HOST:PORT')
  return exitCodeOf(error)
}

/** The process that took the directory last, where it still runs. */
function holderOf(directory: string): number | undefined {
  const path = join(directory, 'lock')
  const pid = existsSync(path) ? Number(/"pid":(\d+)/.exec(readFileSync(path, 'utf8'))?.[1]) : NaN
  if (!Number.isSafeInteger(pid)) return undefined
  try {
    process.kill(pid, 0)
    return pid
  } catch (error) {
    // It runs, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? pid : undefined
  }
}

function countsOf(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1)
}
