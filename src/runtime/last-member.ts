/**
 * Makes room for a process that takes the slot of one that died: the dead one's group membership is ended at once, instead of when its session times out.
 *
 * LM1. Whoever holds the slot's lock knows that the process which wrote the file is gone (S1), so nobody who lives is thrown out.
 * LM2. It is only faster: without the file, or where the broker refuses, the session timeout does it.
 */
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Cluster } from '../client/cluster.ts'
import type { Env } from '../env/env.ts'
import { leaveGroup } from '../wire/apis/13-leave-group.ts'

const FILE = 'member'
const BYTES_MAX = 1_024

export function rememberMember(env: Env, directory: string, memberId: string): void {
  const file = env.disk.open(join(directory, FILE), 'create')
  try {
    file.truncate(0)
    file.write(Buffer.from(memberId, 'utf8'), 0)
  } finally {
    file.close()
  }
}

export async function endLastMember(env: Env, cluster: Cluster, logger: Logger, slot: { readonly group: string; readonly directory: string }): Promise<void> {
  const path = join(slot.directory, FILE)
  if (!env.disk.exists(path)) return
  const file = env.disk.open(path, 'read')
  const buffer = Buffer.alloc(BYTES_MAX)
  const memberId = buffer.toString('utf8', 0, file.read(buffer, 0, BYTES_MAX, 0))
  file.close()
  env.disk.unlink(path)
  if (memberId === '') return
  try {
    await cluster.request({ group: slot.group }, leaveGroup, { groupId: slot.group, memberId, members: [{ memberId, groupInstanceId: null }] })
    logger.debug('ended the membership of the process that had this slot before', { group: slot.group })
  } catch (error) {
    logger.debug('the former member could not be ended; its session will time out', { group: slot.group, problem: messageOf(error) })
  }
}
