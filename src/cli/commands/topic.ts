/** `millrace topic ls|new|describe|rm`: topics of any cluster. */
import { CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { partitionsOf, withCluster } from '../cluster.ts'
import { counted } from '../render.ts'

export const topicList = defineCommand({
  path: ['topic', 'ls'],
  summary: 'topics with their partitions and records',
  positionals: [],
  options: { ...CLUSTER_OPTIONS, internal: { type: 'boolean', describe: 'internal topics too' } },
  examples: ['millrace topic ls', 'millrace topic ls --bootstrap kafka-1:9092 --json'],
  run: call => withCluster(call, async (cluster, admin) => {
    const names = await admin.listTopics({ internal: call.flag('internal') })
    const topics = await Promise.all(names.sort().map(async name => {
      const partitions = (await cluster.partitions(name)).map(({ partition }) => ({ topic: name, partition }))
      const [starts, ends] = await Promise.all([admin.listOffsets(partitions, 'earliest'), admin.listOffsets(partitions, 'latest')])
      const total = (listings: typeof starts): number => listings.reduce((sum, listing) => sum + listing.offset, 0)
      return { topic: name, partitions: partitions.length, offsets: total(ends) - total(starts) }
    }))
    call.output.document({ topics })
    call.output.table(['TOPIC', 'PARTITIONS', 'OFFSETS'], topics.map(topic => [topic.topic, topic.partitions, topic.offsets]), { right: [1, 2] })
    if (topics.length === 0) call.output.line('No topics. `millrace topic new NAME` makes one.')
    return 0
  }),
})

export const topicNew = defineCommand({
  path: ['topic', 'new'],
  summary: 'makes a topic',
  positionals: [{ name: 'NAME', describe: "the topic's name: letters, digits, '.', '_' and '-', at most 249" }],
  options: {
    ...CLUSTER_OPTIONS,
    partitions: { type: 'number', short: 'p', describe: "how many; default the broker's", min: 1 },
    replicas: { type: 'number', short: 'r', describe: "copies of each partition; default the broker's", min: 1 },
    config: { type: 'string', short: 'c', multiple: true, value: 'NAME=VALUE', describe: 'a topic config; may be given several times' },
  },
  examples: ['millrace topic new orders --partitions 8', 'millrace topic new prices -c cleanup.policy=compact'],
  run: call => withCluster(call, async (_, admin) => {
    const name = call.required('NAME')
    const configs = Object.fromEntries(call.texts('config').map(pair => {
      const at = pair.indexOf('=')
      if (at < 1) throw usage(`--config takes NAME=VALUE, not '${pair}'.`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }))
    await admin.createTopics([{ name, partitions: call.number('partitions'), replicas: call.number('replicas'), configs }])
    const [made] = await admin.describeTopics([name])
    call.output.document({ topic: name, partitions: made?.partitions.length ?? 0 })
    call.output.line(`Made ${name} with ${counted(made?.partitions.length ?? 0, 'partition')}.`)
    return 0
  }),
})

export const topicDescribe = defineCommand({
  path: ['topic', 'describe'],
  summary: 'a topic: partitions, leaders, offsets, configs',
  positionals: [{ name: 'NAME', describe: "the topic's name" }],
  options: CLUSTER_OPTIONS,
  examples: ['millrace topic describe orders'],
  run: call => withCluster(call, async (cluster, admin) => {
    const name = call.required('NAME')
    const numbers = await partitionsOf(cluster, name)
    const partitions = numbers.map(partition => ({ topic: name, partition }))
    const [[topic], starts, ends, stable, configs] = await Promise.all([
      admin.describeTopics([name]), admin.listOffsets(partitions, 'earliest'), admin.listOffsets(partitions, 'latest'),
      admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' }), admin.describeConfigs([{ type: 'topic', name }]),
    ])
    const offsetOf = (listings: typeof starts, partition: number): number => listings.find(listing => listing.partition === partition)?.offset ?? -1
    const rows = (topic?.partitions ?? []).map(meta => ({
      partition: meta.partition, leader: meta.leader, replicas: meta.replicas, inSync: meta.inSync,
      start: offsetOf(starts, meta.partition), end: offsetOf(ends, meta.partition), stable: offsetOf(stable, meta.partition),
    }))
    const changed = (configs.get(name) ?? []).filter(config => config.explicit).map(config => [config.name, config.value ?? ''] as const)
    call.output.document({ topic: name, topicId: topic?.topicId, partitions: rows, configs: Object.fromEntries(changed) })
    call.output.line(`${name}  ${counted(rows.length, 'partition')}  ${counted(rows.reduce((sum, row) => sum + row.end - row.start, 0), 'offset')}  id ${topic?.topicId ?? '-'}`)
    call.output.table(['PARTITION', 'LEADER', 'REPLICAS', 'IN SYNC', 'START', 'END', 'STABLE'],
      rows.map(row => [row.partition, row.leader, row.replicas.join(','), row.inSync.join(','), row.start, row.end, row.stable]), { right: [4, 5, 6] })
    if (changed.length > 0) call.output.table(['CONFIG', 'VALUE'], changed)
    return 0
  }),
})

export const topicRemove = defineCommand({
  path: ['topic', 'rm'],
  summary: 'deletes a topic and its records (asks for --yes)',
  positionals: [{ name: 'NAME', describe: "the topic's name" }],
  options: { ...CLUSTER_OPTIONS, yes: { type: 'boolean', short: 'y', describe: 'do it; without, it is only said what would be done' } },
  examples: ['millrace topic rm orders --yes'],
  run: call => withCluster(call, async (cluster, admin) => {
    const name = call.required('NAME')
    const partitions = (await partitionsOf(cluster, name)).map(partition => ({ topic: name, partition }))
    const ends = await admin.listOffsets(partitions, 'latest')
    const records = ends.reduce((sum, listing) => sum + listing.offset, 0)
    if (!call.flag('yes')) {
      call.output.document({ topic: name, deleted: false, partitions: partitions.length, offsets: records })
      call.output.line(`Would delete ${name}: ${counted(partitions.length, 'partition')}, ${counted(records, 'offset')}. Dry run; add --yes to apply.`)
      return 0
    }
    await admin.deleteTopics([name])
    call.output.document({ topic: name, deleted: true })
    call.output.line(`Deleted ${name}.`)
    return 0
  }),
})
