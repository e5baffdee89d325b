/** `millrace doctor`: is the broker reached, does it answer at the address it gives, do versions, clocks and disks agree, and who asked for what is not served. */
import { messageOf } from '../../base/errors.ts'
import { Cluster } from '../../client/cluster.ts'
import { realEnv } from '../../env/real/env.ts'
import { bootstrapOf } from '../cluster.ts'
import { CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { advertisedFindings, clockFinding, diskFindings, exitCodeOf, nodeFinding, unlessFailing, unservedFindings, versionsFinding } from '../doctor.ts'
import type { Finding } from '../doctor.ts'

const CONNECT_MS = 5_000
const SIGNS = { ok: '✔', warning: '!', problem: '✖', unknown: '?' } as const

export const doctor = defineCommand({
  path: ['doctor'],
  summary: 'looks at the broker from here: address, versions, clock, disk, requests that were not served',
  positionals: [],
  options: CLUSTER_OPTIONS,
  examples: ['millrace doctor', 'millrace doctor --bootstrap kafka-1:9092 --json'],
  async run(call) {
    const bootstrap = bootstrapOf(call)
    const findings = [nodeFinding(process.versions.node), ...await look(bootstrap)]
    call.output.document({ bootstrap, findings })
    for (const { verdict, text, next } of findings) {
      call.output.line(`${SIGNS[verdict]} ${text}`)
      if (next !== undefined) call.output.line(`    → ${next}`)
    }
    return exitCodeOf(findings)
  },
})

async function look(bootstrap: string): Promise<Finding[]> {
  let cluster
  try {
    cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'millrace-doctor', connectTimeoutMs: CONNECT_MS })
  } catch (error) {
    return [{ check: 'reachable', verdict: 'problem', text: `${bootstrap} does not answer: ${messageOf(error)}`, next: 'start one with `millrace broker start`, or name another with --bootstrap HOST:PORT' }]
  }
  const connected = cluster
  try {
    const disks: string[] = []
    return [
      { check: 'reachable', verdict: 'ok', text: `${bootstrap} answers` },
      ...await unlessFailing('versions', async () => [await versionsFinding(connected)]),
      ...await unlessFailing('advertised', () => advertisedFindings(connected, bootstrap)),
      ...await unlessFailing('clock', async () => [await clockFinding(connected, Date.now)]),
      ...await unlessFailing('disk', async () => {
        const { findings, directories } = await diskFindings(connected)
        disks.push(...directories)
        return findings
      }),
      ...await unlessFailing('unserved', () => Promise.resolve(unservedFindings(disks))),
    ]
  } finally {
    await connected.close()
  }
}
