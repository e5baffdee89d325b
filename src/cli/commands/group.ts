/** `millrace group ls|describe|reset`: consumer groups of any cluster. */
import { MillraceError } from '../../base/errors.ts'
import type { Admin } from '../../client/admin.ts'
import type { TopicPartition } from '../../client/types.ts'
import { collectLag, type PartitionLag } from '../../http/lag.ts'
import { CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { partitionsOf, withCluster } from '../cluster.ts'
import { offsetsAt, parsePlace } from '../positions.ts'
import { counted } from '../render.ts'

export const groupList = defineCommand({
  path: ['group', 'ls'],
  summary: 'consumer groups with their state',
  positionals: [],
  options: CLUSTER_OPTIONS,
  examples: ['millrace group ls'],
  run: call => withCluster(call, async (_, admin) => {
    const groups = (await admin.listGroups()).map(({ groupId, state, protocolType }) => ({ group: groupId, state, protocolType })).sort((a, b) => a.group < b.group ? -1 : 1)
    call.output.document({ groups })
    call.output.table(['GROUP', 'STATE', 'PROTOCOL'], groups.map(group => [group.group, group.state, group.protocolType]))
    if (groups.length === 0) call.output.line('No consumer groups.')
    return 0
  }),
})

export const groupDescribe = defineCommand({
  path: ['group', 'describe'],
  summary: 'a group: members, partitions, offsets, lag in records and seconds',
  positionals: [{ name: 'GROUP', describe: "the group's id" }],
  options: CLUSTER_OPTIONS,
  examples: ['millrace group describe recommender.cooc'],
  run: call => withCluster(call, async (cluster, admin) => {
    const id = call.required('GROUP')
    const group = await existingGroup(admin, id)
    const lag = await collectLag(cluster, admin, [id], { now: Date.now })
    const members = group.members.map(member => ({ memberId: member.memberId, clientId: member.clientId, host: member.host, topics: member.topics, instanceId: member.groupInstanceId }))
    call.output.document({ group: id, state: group.state, protocol: group.protocol, members, partitions: lag })
    call.output.line(`GROUP ${id}   ${group.state}   ${group.protocol === '' ? 'no protocol' : group.protocol}   ${counted(members.length, 'member')}`)
    if (members.length > 0) call.output.table(['MEMBER', 'CLIENT', 'HOST', 'INSTANCE'], members.map(member => [member.memberId, member.clientId, member.host, member.instanceId ?? '-']))
    call.output.table(LAG_HEAD.slice(1), lag.map(row => lagRow(row).slice(1)), { right: [1, 2, 3, 4, 5] })
    return 0
  }),
})

export const LAG_HEAD = ['GROUP', 'TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'SECONDS'] as const

export function lagRow(row: PartitionLag): (string | number)[] {
  return [row.group, row.topic, row.partition, row.committed ?? '-', row.end, row.records, row.seconds === null ? 'n/a' : row.seconds.toFixed(1)]
}

export const groupReset = defineCommand({
  path: ['group', 'reset'],
  summary: 'moves committed offsets of a stopped group; a dry run unless --yes',
  positionals: [{ name: 'GROUP', describe: "the group's id" }],
  options: {
    ...CLUSTER_OPTIONS,
    to: { type: 'string', value: 'PLACE', describe: 'earliest, latest, 4711, -100, -1h, a date' },
    topic: { type: 'string', short: 't', multiple: true, describe: 'this topic; may be given several times' },
    'all-topics': { type: 'boolean', describe: 'every topic that the group has committed' },
    yes: { type: 'boolean', short: 'y', describe: 'do it' },
  },
  examples: ['millrace group reset billing --to -1h --all-topics', 'millrace group reset billing --to earliest -t orders --yes'],
  run: call => withCluster(call, async (cluster, admin) => {
    const id = call.required('GROUP')
    const place = parsePlace(call.text('to') ?? missing('--to PLACE'), Date.now())
    const topics = call.flag('all-topics') ? undefined : call.texts('topic')
    if (topics?.length === 0) throw usage('Name the topics with --topic, or take all that the group has committed with --all-topics.')
    const committed = await admin.groupOffsets(id)
    const names = topics ?? [...new Set(committed.map(entry => entry.topic))]
    const places: TopicPartition[] = (await Promise.all(names.map(async topic => (await partitionsOf(cluster, topic)).map(partition => ({ topic, partition }))))).flat()
    const rows = (await Promise.all(names.map(async topic => {
      const offsets = await offsetsAt(admin, places.filter(each => each.topic === topic), place)
      return [...offsets].map(([partition, offset]) => ({ topic, partition, offset, from: committed.find(entry => entry.topic === topic && entry.partition === partition)?.offset ?? -1 }))
    }))).flat().sort((a, b) => a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)
    const apply = call.flag('yes')
    if (apply) {
      await mustBeStopped(admin, id)
      await admin.alterGroupOffsets(id, rows.map(({ topic, partition, offset }) => ({ topic, partition, offset })))
    }
    call.output.document({ group: id, applied: apply, offsets: rows.map(({ topic, partition, from, offset }) => ({ topic, partition, from: from < 0 ? null : from, to: offset })) })
    call.output.table(['TOPIC', 'PARTITION', 'FROM', 'TO'], rows.map(row => [row.topic, row.partition, row.from < 0 ? '-' : row.from, row.offset]), { right: [1, 2, 3] })
    call.output.line(apply ? `Moved ${counted(rows.length, 'offset')} of ${id}.` : 'Dry run; add --yes to apply (the group must be stopped).')
    return 0
  }),
})

export async function existingGroup(admin: Admin, id: string): Promise<Awaited<ReturnType<Admin['describeGroups']>>[number]> {
  const [group] = await admin.describeGroups([id])
  if (group === undefined || (group.state === 'Dead' && group.members.length === 0)) throw new MillraceError('USAGE', `Group '${id}' does not exist. 'millrace group ls' lists the groups.`)
  return group
}

async function mustBeStopped(admin: Admin, id: string): Promise<void> {
  const [group] = await admin.describeGroups([id])
  if (group !== undefined && group.members.length > 0) {
    throw new MillraceError('GROUP_ERROR', `Group '${id}' has ${counted(group.members.length, 'member')} (${group.members.map(member => `${member.clientId} on ${member.host}`).join(', ')}). Its offsets can be moved only while it is stopped: stop them, then run this again.`)
  }
}

function missing(what: string): never {
  throw usage(`${what} is missing.`)
}
