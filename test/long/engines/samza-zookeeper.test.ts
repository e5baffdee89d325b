/** Instances of a Samza application that share its partitions by a real ZooKeeper: killed, and rescaled, while clicks flow. */
import { test } from 'node:test'
import type { JobRequest } from '../../../src/http/job-request.ts'
import { onEmbedded, repeatingChainOf } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'
import { startZooKeeper } from '../../support/zookeeper.ts'

need('engines', 'python')

const scale = (instances: number): JobRequest => ({ name: 'count', action: { kind: 'scale', instances } })

test('three instances of Samza, killed one after the other and rescaled to two and back: exact behind the distinct', () => onEmbedded(async bootstrap => {
  const zookeeper = await startZooKeeper('samza@1.8')
  try {
    await linkedKills({ ...repeatingChainOf('samza'), bootstrap, env: { LINKED_ZOOKEEPER: zookeeper.connect }, kills: ['count-1', 'count-3', scale(2), 'count-2', scale(3), 'tasks-1'] })
  } finally {
    await zookeeper.stop()
  }
}))
