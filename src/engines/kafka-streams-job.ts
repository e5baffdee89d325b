/**
 * The job of a `kafkaStreams()` task: what a JVM that runs Kafka Streams is told, and when it runs.
 *
 * KS1. An instance keeps its state directory: one that is killed finds its stores again.
 * KS2. It runs when its consumer group is stable and has a member of the instance's: Kafka Streams says nothing else that could be relied on.
 */
import { join } from 'node:path'
import type { KafkaStreamsSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { jvmInstances, type SettingsContext } from './jvm-instances.ts'

const COMMIT_INTERVAL_MS = 100

type Task = ForeignTaskPlan & { readonly on: KafkaStreamsSpec }

export function kafkaStreamsJob(task: Task, context: JobContext): Job {
  const membersSeen = new Set<string>()
  return jvmInstances(task, task.on.instances, context, {
    distribution: 'kafka-streams', settings: name => streamsConfig(task, context, name),
    readiness: name => ({ kind: 'probe', check: () => isMember(task.group, context, name, membersSeen) }),
  })
}

/** KS2. Kafka Streams begins the ids of its consumers with `client.id`. A member that was killed stays in the group for a while: it does not count again. */
async function isMember(groupId: string, context: JobContext, name: string, seen: Set<string>): Promise<boolean> {
  const [group] = await context.admin.describeGroups([groupId])
  const members = (group?.members ?? []).filter(member => member.clientId.startsWith(`${clientIdOf(context.app, name)}-StreamThread-`))
  if (group?.state !== 'Stable' || !members.some(member => !seen.has(member.memberId))) return false
  for (const member of members) seen.add(member.memberId)
  return true
}

function clientIdOf(app: string, name: string): string {
  return `${app}.${name}`
}

/** What the instance is told; the user's own settings come last. */
export function streamsConfig(task: Task, context: SettingsContext, name: string): Record<string, string> {
  const { guarantee, isolation } = task.link
  return {
    'bootstrap.servers': context.bootstrap, 'application.id': task.group, 'client.id': clientIdOf(context.app, name),
    'processing.guarantee': guarantee === 'exactlyOnce' ? 'exactly_once_v2' : 'at_least_once', 'commit.interval.ms': String(COMMIT_INTERVAL_MS),
    'main.consumer.isolation.level': isolation, 'auto.offset.reset': 'earliest', 'state.dir': join(context.directory, `${name}-state`),
    // A member that was killed is missed for this long: Kafka's own 45 s are for machines, not for a process that is back at once.
    'main.consumer.session.timeout.ms': '10000', 'main.consumer.heartbeat.interval.ms': '3000',
    ...task.on.config,
  }
}
