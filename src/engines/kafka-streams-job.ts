/**
 * The job of a `kafkaStreams()` task: a JVM per instance under the supervisor, each with a properties file and a state directory of its own.
 *
 * KS1. An instance keeps its number, and with it its state directory: one that is killed finds its stores again.
 * KS2. It runs when its consumer group is stable and has a member of the instance's: Kafka Streams says nothing else that could be relied on.
 */
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import type { KafkaStreamsSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { writeText } from './files.ts'
import { type InstanceKind, Instances } from './instances.ts'
import { jvmArguments } from './jvm.ts'
import { processEnvironment } from './process.ts'
import { propertiesText } from './properties.ts'

const JAVA_MIN = 17
/** A source file is compiled first, and a group may wait for a member that has died. */
const READY_MS_MAX = 120_000
const COMMIT_INTERVAL_MS = 100

type Task = ForeignTaskPlan & { readonly on: KafkaStreamsSpec }

export function kafkaStreamsJob(task: Task, context: JobContext): Job {
  return new Instances(task, context, new StreamsInstances(task, context))
}

class StreamsInstances implements InstanceKind {
  readonly #task: Task
  readonly #context: JobContext
  readonly #membersSeen = new Set<string>()
  /** `java` and its arguments: found and checked at each start, so that a restart runs what lies there now. */
  #program: { readonly java: string; readonly jvm: readonly string[] } | undefined

  constructor(task: Task, context: JobContext) {
    this.#task = task
    this.#context = context
  }

  async prepare(): Promise<void> {
    const { version, program, javaOptions } = this.#task.on
    const java = await this.#context.java(JAVA_MIN)
    const { classpath } = this.#context.installation(`kafka-streams@${version}`)
    this.#program = { java, jvm: jvmArguments(this.#context.disk, program, classpath, javaOptions) }
  }

  async startInstance(name: string, instance: number): Promise<void> {
    assert(this.#program !== undefined, 'an instance is started before its program was looked for')
    const { java, jvm } = this.#program
    const config = join(this.#context.directory, `${name}.properties`)
    writeText(this.#context.disk, config, propertiesText(streamsConfig(this.#task, this.#context, name)))
    const args = this.#task.on.args.map(arg => arg.replaceAll('{config}', config))
    await this.#context.supervise({
      name, command: java, args: [...jvm, ...args], cwd: undefined, readyMsMax: READY_MS_MAX,
      env: { ...processEnvironment(this.#context.app, this.#task, this.#context.bootstrap, instance), MILLRACE_CONFIG: config },
      ready: { kind: 'probe', check: () => this.#isMember(name) },
    })
  }

  /** KS2. Kafka Streams begins the ids of its consumers with `client.id`. A member that was killed stays in the group for a while: it does not count again. */
  async #isMember(name: string): Promise<boolean> {
    const [group] = await this.#context.admin.describeGroups([this.#task.group])
    const members = (group?.members ?? []).filter(member => member.clientId.startsWith(`${clientIdOf(this.#context.app, name)}-StreamThread-`))
    if (group?.state !== 'Stable' || !members.some(member => !this.#membersSeen.has(member.memberId))) return false
    for (const member of members) this.#membersSeen.add(member.memberId)
    return true
  }
}

function clientIdOf(app: string, name: string): string {
  return `${app}.${name}`
}

/** What the instance is told; the user's own settings come last. */
export function streamsConfig(task: Task, context: Pick<JobContext, 'app' | 'bootstrap' | 'directory'>, name: string): Record<string, string> {
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
