/**
 * What `millrace doctor` looks at: each check is one line that says what was found and, where it is not well, what to do.
 *
 * DO1. Nothing is written anywhere: neither topics nor records are made to see whether it works.
 * DO2. A check that cannot be made says so; it is neither well nor ill.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, MillraceError } from '../base/errors.ts'
import { UNSERVED_FILE } from '../broker/broker.ts'
import type { RefusedRequest } from '../broker/clients.ts'
import { StateFile } from '../broker/state-file.ts'
import type { Cluster } from '../client/cluster.ts'
import { BrokerConnection } from '../client/broker-connection.ts'
import { realEnv } from '../env/real/env.ts'
import { apiVersions } from '../wire/apis/18-api-versions.ts'
import { describeLogDirs } from '../wire/apis/35-describe-log-dirs.ts'
import { describeQuorum } from '../wire/apis/55-describe-quorum.ts'
import { formatBytes } from './render.ts'

export interface Finding {
  readonly check: 'node' | 'reachable' | 'versions' | 'advertised' | 'clock' | 'disk' | 'unserved'
  /** `unknown`: could not be looked at. */
  readonly verdict: 'ok' | 'warning' | 'problem' | 'unknown'
  readonly text: string
  readonly next?: string | undefined
}

const NODE_MIN = [20, 19] as const
const SKEW_MS_MAX = 2_000
const FREE_SHARE_MIN = 0.05
const FREE_BYTES_MIN = 1024 ** 3
const CONNECT_MS = 5_000

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])
  if (isOld) return { check: 'node', verdict: 'problem', text: `Node ${version} is too old`, next: `install Node ${NODE_MIN.join('.')} or newer` }
  return { check: 'node', verdict: 'ok', text: `Node ${version}` }
}

/** Which versions the broker serves, and whether transactions of version 2 are on. */
export async function versionsFinding(cluster: Cluster): Promise<Finding> {
  const { apiKeys, finalizedFeatures } = await cluster.request('any', apiVersions, { clientSoftwareName: 'millrace-doctor', clientSoftwareVersion: '1' })
  const level = (name: string): number => finalizedFeatures.find(feature => feature.name === name)?.maxVersionLevel ?? 0
  const text = `${apiKeys.length} APIs; transactions of version ${level('transaction.version') >= 2 ? 2 : 1}`
  if (level('transaction.version') >= 2) return { check: 'versions', verdict: 'ok', text }
  return { check: 'versions', verdict: 'warning', text: `${text}: a delayed end of one can end the next (KAFKA-17754)`, next: 'brokers of Kafka 4.0 and newer, with transaction.version=2, do not have it' }
}

/** Connects to what the brokers say of themselves: who cannot is what most people ask about. */
export async function advertisedFindings(cluster: Cluster, bootstrap: string): Promise<Finding[]> {
  return Promise.all(cluster.nodes.map(async ({ id: nodeId, host, port }): Promise<Finding> => {
    const address = `${host}:${port}`
    try {
      const connection = await BrokerConnection.open(realEnv, nodeId, { ...connectionOptions(), host, port })
      connection.connection.close('looked at')
    } catch (error) {
      const next = `clients are sent there whatever address they came by (${bootstrap}): let the broker advertise an address that reaches it from here (advertised.listeners; the embedded broker: --advertise)`
      return { check: 'advertised', verdict: 'problem', text: `broker ${nodeId} says it is at ${address}, and nobody answers there: ${messageOf(error)}`, next }
    }
    const isLoopback = /^(localhost|127\.|::1$|\[::1\])/.test(host)
    return { check: 'advertised', verdict: 'ok', text: `broker ${nodeId} says it is at ${address}, and answers there${isLoopback ? ' (this machine only: containers and other machines cannot come back to it)' : ''}` }
  }))
}

function connectionOptions(): Omit<Parameters<typeof BrokerConnection.open>[2], 'host' | 'port'> {
  return { clientId: 'millrace-doctor', connectTimeoutMs: CONNECT_MS, requestTimeoutMs: CONNECT_MS, responseBytesMax: 16 * 1024 * 1024, inFlightMax: 1 }
}

/** The leader of the metadata's quorum has always just caught up: when that was is its clock. */
export async function clockFinding(cluster: Cluster, now: () => number): Promise<Finding> {
  const asked = now()
  const { topics } = await cluster.request('any', describeQuorum, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] })
  const answered = now()
  const partition = topics[0]?.partitions[0]
  const theirs = partition?.currentVoters.find(voter => voter.replicaId === partition.leaderId)?.lastCaughtUpTimestamp ?? -1
  if (theirs <= 0) return { check: 'clock', verdict: 'unknown', text: 'the broker does not tell its time' }
  const skewMs = theirs > answered ? theirs - answered : theirs < asked ? theirs - asked : 0
  if (Math.abs(skewMs) <= SKEW_MS_MAX) return { check: 'clock', verdict: 'ok', text: `clocks differ by ${Math.abs(Math.round(skewMs))} ms` }
  return { check: 'clock', verdict: 'warning', text: `the broker's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead' : 'behind'}`, next: 'records carry the wrong time, and windows and retention follow it: set the clocks (NTP)' }
}

export async function diskFindings(cluster: Cluster): Promise<{ readonly findings: Finding[]; readonly directories: readonly string[] }> {
  const { results } = await cluster.request('any', describeLogDirs, { topics: [] })
  const findings = results.map(({ logDir, errorCode, totalBytes, usableBytes }): Finding => {
    if (errorCode !== 0) return { check: 'disk', verdict: 'problem', text: `${logDir} is offline`, next: 'look at the disk and at the log of the broker' }
    if (usableBytes < 0) return { check: 'disk', verdict: 'unknown', text: `${logDir}: the broker does not tell what is free` }
    const isFull = usableBytes < FREE_BYTES_MIN || usableBytes / Math.max(1, totalBytes) < FREE_SHARE_MIN
    return isFull ? { check: 'disk', verdict: 'warning', text: `${logDir}: ${formatBytes(usableBytes)} are free`, next: 'make room, or shorten retention, before writes are refused' }
      : { check: 'disk', verdict: 'ok', text: `${logDir}: ${formatBytes(usableBytes)} are free` }
  })
  return { findings, directories: results.map(result => result.logDir) }
}

/** What clients of an embedded broker asked for and was not served: kept in its data directory, read where that is on this machine. */
export function unservedFindings(directories: readonly string[]): Finding[] {
  const local = directories.filter(directory => existsSync(join(directory, UNSERVED_FILE)))
  const requests = local.flatMap(directory => {
    // As the broker wrote it; the checksum has been verified.
    return (new StateFile(realEnv, { directory, kind: UNSERVED_FILE, version: 1 }).read() ?? []) as RefusedRequest[]
  })
  if (requests.length === 0) return [{ check: 'unserved', verdict: 'ok', text: 'no client has asked for what is not served' }]
  return requests.map(({ software, apiName, apiKey, version }) => ({
    check: 'unserved', verdict: 'warning', text: `${JSON.stringify(software)} asked for ${apiName} (${apiKey}) v${version}: not served, its connection was closed`,
    next: 'what is served: docs/reference/broker-apis.md; a client that can be told to use older versions may do without it',
  }))
}

/** The exit code: 3 where nothing is reached, 4 where versions do not meet, 1 for any other problem, 0 with warnings only. */
export function exitCodeOf(findings: readonly Finding[]): number {
  const problems = new Set(findings.filter(finding => finding.verdict === 'problem').map(finding => finding.check))
  if (problems.has('reachable') || problems.has('advertised')) return 3
  if (problems.has('versions')) return 4
  return problems.size > 0 ? 1 : 0
}

/** A check that fails is a finding, not the end of the others. */
export async function unlessFailing(check: Finding['check'], look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'VERSION_UNSUPPORTED') return [{ check, verdict: 'unknown', text: `the broker does not serve what this asks: ${messageOf(error)}` }]
    return [{ check, verdict: 'problem', text: messageOf(error) }]
  }
}
