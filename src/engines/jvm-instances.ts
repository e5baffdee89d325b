/**
 * Instances that are JVMs with a program of the user's on an engine's own library (Kafka Streams, Storm, Samza): each is told by its environment and by
 * a properties file, and has a folder of its own. What differs between the engines is a `JvmEngine`.
 *
 * JI1. An instance keeps its name, and with it its folder: one that is killed finds there what it has left.
 * JI2. Java, distribution and program are looked for at each start of the job, so that a restart runs what lies there now.
 */
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import type { JvmSpec, SoleJvmSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext, JobStatus, Readiness } from './engine.ts'
import { writeText } from './files.ts'
import { type InstanceKind, Instances } from './instances.ts'
import { jvmArguments } from './jvm.ts'
import { processEnvironment } from './process.ts'
import { propertiesText } from './properties.ts'

const JAVA_MIN = 17
/** A source file is compiled first, and a group may wait for a member that has died. */
const READY_MS_MAX = 120_000

export type JvmTask = ForeignTaskPlan & { readonly on: JvmSpec }
/** What settings may know of where they are made. */
export type SettingsContext = Pick<JobContext, 'app' | 'bootstrap' | 'directory'>

export interface JvmEngine {
  /** As `millrace engines install` names it. */
  readonly distribution: string
  /** A `.java` file of ours that runs the user's program: it is told that one's main class, and its arguments. */
  readonly host?: string | undefined
  /** Of its JVMs, before the user's own. */
  readonly javaOptions?: readonly string[] | undefined
  /** What instance `name` is told in its properties file, the user's own settings last. */
  settings(name: string): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** When instance `name` runs. */
  readiness(name: string): Readiness
  /** What has to be there, or gone, before the job starts. */
  prepare?(): void | Promise<void>
  /** Told each line that instance `name` says. */
  heard?(line: string, name: string): void
  status?(): Partial<JobStatus>
}

export function jvmInstances(task: JvmTask, instances: number, context: JobContext, engine: JvmEngine): Instances {
  return new Instances(task, instances, context, new JvmKind(task, context, engine))
}

type SoleTask<Spec extends SoleJvmSpec> = ForeignTaskPlan & { readonly on: Spec }

/** Of an engine that shares no work between JVMs without a cluster of its own: one of them. It is rescaled by a stop and a start with as many threads. */
export class SoleJvm<Spec extends SoleJvmSpec> implements Job {
  readonly #context: JobContext
  readonly #engineOf: (task: SoleTask<Spec>) => JvmEngine
  #task: SoleTask<Spec>
  #job: Instances

  /** `engineOf` is asked anew for each parallelism. */
  constructor(task: SoleTask<Spec>, context: JobContext, engineOf: (task: SoleTask<Spec>) => JvmEngine) {
    this.#context = context
    this.#engineOf = engineOf
    this.#task = task
    this.#job = jvmInstances(task, 1, context, engineOf(task))
  }

  start(): Promise<void> {
    return this.#job.start()
  }

  stop(): Promise<void> {
    return this.#job.stop()
  }

  async rescale(parallelism: number): Promise<void> {
    if (parallelism === this.#task.on.parallelism) return
    const wasUp = this.#job.isUp
    if (wasUp) await this.#job.stop()
    this.#task = { ...this.#task, on: { ...this.#task.on, parallelism } }
    this.#job = jvmInstances(this.#task, 1, this.#context, this.#engineOf(this.#task))
    if (wasUp) await this.#job.start()
  }

  status(): JobStatus {
    return { ...this.#job.status(), instances: this.#task.on.parallelism }
  }
}

class JvmKind implements InstanceKind {
  readonly #task: JvmTask
  readonly #context: JobContext
  readonly #engine: JvmEngine
  #program: { readonly java: string; readonly jvm: readonly string[] } | undefined

  constructor(task: JvmTask, context: JobContext, engine: JvmEngine) {
    this.#task = task
    this.#context = context
    this.#engine = engine
  }

  /** JI2. */
  async prepare(): Promise<void> {
    const { version, program, javaOptions } = this.#task.on
    const { distribution, host, javaOptions: ours = [] } = this.#engine
    await this.#engine.prepare?.()
    const java = await this.#context.java(JAVA_MIN)
    const { classpath, manifest } = this.#context.installation(`${distribution}@${version}`)
    const jvm = jvmArguments(this.#context.disk, program, classpath, [...manifest.javaOptions, ...ours, ...javaOptions])
    // The last one says what is run.
    this.#program = { java, jvm: host === undefined ? jvm : [...jvm.slice(0, -1), host, ...jvm.slice(-1)] }
  }

  async startInstance(name: string, instance: number): Promise<void> {
    assert(this.#program !== undefined, 'an instance is started before its program was looked for')
    const { java, jvm } = this.#program
    const config = join(this.#context.directory, `${name}.properties`)
    writeText(this.#context.disk, config, propertiesText(await this.#engine.settings(name)))
    const args = this.#task.on.args.map(arg => arg.replaceAll('{config}', config))
    await this.#context.supervise({
      name, command: java, args: [...jvm, ...args], cwd: undefined, readyMsMax: READY_MS_MAX,
      env: { ...processEnvironment(this.#context.app, this.#task, this.#context.bootstrap, instance), MILLRACE_CONFIG: config },
      ready: this.#engine.readiness(name), onLine: line => this.#engine.heard?.(line, name),
    })
  }

  status(): Partial<JobStatus> {
    return this.#engine.status?.() ?? {}
  }
}
