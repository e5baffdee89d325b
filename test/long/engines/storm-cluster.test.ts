/** A Storm topology that is handed to a real cluster: its workers, its host here, and Nimbus are killed, and it is rescaled, while clicks flow. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JobRequest } from '../../../src/http/job-request.ts'
import { onEmbedded, repeatingChainOf } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'
import { startStormCluster, stormJar } from '../../support/storm-cluster.ts'

need('engines', 'python')

const scale = (instances: number): JobRequest => ({ name: 'count', action: { kind: 'scale', instances } })

test('Storm on a cluster: workers, the host and Nimbus killed, rescaled from one to two: exact behind the distinct', () => onEmbedded(async bootstrap => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-storm-jar-'))
  const storm = await startStormCluster()
  try {
    await linkedKills({
      ...repeatingChainOf('storm'), bootstrap, env: { LINKED_NIMBUS: storm.nimbus, LINKED_JAR: await stormJar(directory) }, measured: 'count',
      kills: [{ what: 'workers', kill: storm.killWorkers }, 'count', { what: 'Nimbus', kill: storm.restartNimbus }, scale(2), { what: 'workers', kill: storm.killWorkers }, 'tasks-1'],
    })
  } finally {
    await storm.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}))
