/** `millrace job ls|describe|stop|start|restart|scale`: tasks on other engines, in an app that runs. */
import type { JobStatus } from '../../engines/engine.ts'
import { stormText } from '../../engines/storm/metrics.ts'
import { INSTANCES_MAX, type JobAction } from '../../http/job-request.ts'
import { latencyText } from '../../http/latency.ts'
import type { Live } from '../../http/server.ts'
import type { TaskStatus } from '../../http/status.ts'
import { type Call, type Command, defineCommand, usage } from '../command.ts'
import { formatBytes, groupDigits } from '../render.ts'
import { STATUS_DEFAULT, STATUS_OPTION, StatusClient } from '../status-client.ts'

const NAME = { name: 'NAME', describe: "the task's name" }
const OPTIONS = { status: STATUS_OPTION }

function clientOf(call: Call): StatusClient {
  return new StatusClient(call.text('status') ?? STATUS_DEFAULT, call.signal)
}

export const jobList = defineCommand({
  path: ['job', 'ls'],
  summary: 'tasks of a running app, whichever engine runs them, with state, rates and lag',
  positionals: [],
  options: OPTIONS,
  examples: ['millrace job ls', 'millrace job ls --status http://localhost:9601 --json'],
  async run(call) {
    const { status } = await clientOf(call).live()
    call.output.document({ app: status.app, jobs: status.tasks })
    call.output.table(['TASK', 'ENGINE', 'STATE', 'INSTANCES', 'RESTARTS', 'IN/S', 'OUT/S', 'LAG', 'CHECKPOINT'], status.tasks.map(task => [
      task.task, task.engine, task.state, task.job?.instances ?? (task.engine === 'millrace' ? task.processes : '—'), restarts(task),
      rate(task.inPerSecond, task), rate(task.outPerSecond, task), known(task.lagRecords), checkpoint(task.job, status.at),
    ]), { right: [3, 5, 6, 7] })
    for (const task of status.tasks) if (task.job !== null && task.lastError !== null && task.state !== 'running') call.output.line(`${task.task}: ${task.lastError}`)
    return 0
  },
})

export const jobDescribe = defineCommand({
  path: ['job', 'describe'],
  summary: 'one task: what its engine says of it, and its processes',
  positionals: [NAME],
  options: OPTIONS,
  examples: ['millrace job describe trend'],
  async run(call) {
    const live = await clientOf(call).live()
    const task = taskOf(live, call.required('NAME'))
    const processes = live.processes.filter(each => each.task === task.task)
    const { job } = task
    call.output.document({ app: live.status.app, ...task, processes })
    const rows: readonly (readonly [string, string])[] = [
      ['engine', task.engine], ['state', task.state], ['group', task.group], ['instances', known(job?.instances ?? null)], ['restarts', restarts(task)],
      ['in/s', rate(task.inPerSecond, task)], ['out/s', rate(task.outPerSecond, task)],
      ['lag', `${known(task.lagRecords)} records, ${task.lagSeconds === null ? '—' : task.lagSeconds.toFixed(1)} s`],
      ['latency', latencyText(task.latency)],
      ['checkpoint', checkpoint(job, live.status.at)], ['back-pressure', job === null || job.backPressure === null ? '—' : `${Math.round(job.backPressure * 100)} %`],
      ...job?.storm == null ? [] : [['storm', stormText(job.storm)] as const],
      ['last error', task.lastError ?? '—'], ['its own page', job?.url ?? '—'],
    ]
    for (const [name, value] of rows) call.output.line(`${name.padEnd(14)} ${value}`)
    if (processes.length > 0) {
      call.output.line()
      call.output.table(['PROCESS', 'STATE', 'PID', 'RESTARTS', 'LAST GAP'], processes.map(each => [each.name, each.state, String(each.pid ?? '—'), each.restarts, each.gapMs === null ? '—' : `${(each.gapMs / 1000).toFixed(1)} s`]), { right: [2, 3, 4] })
    }
    return 0
  },
})

export const jobStop = changing('stop', 'stops a task on another engine in order, with a savepoint where there are such; the others go on')
export const jobStart = changing('start', 'starts a stopped or failed one again, from where it was')
export const jobRestart = changing('restart', 'stops one and starts it with the program that lies there now')

export const jobScale = defineCommand({
  path: ['job', 'scale'],
  summary: "runs it with N instances: processes, or Flink's parallelism; those that stay are left alone",
  positionals: [NAME, { name: 'N', describe: `how many, 1 to ${INSTANCES_MAX}` }],
  options: OPTIONS,
  examples: ['millrace job scale score 3'],
  async run(call) {
    const wanted = call.required('N')
    const instances = Number(wanted)
    if (!/^\d+$/.test(wanted) || instances < 1 || instances > INSTANCES_MAX) throw usage(`N takes a whole number from 1 to ${INSTANCES_MAX}, not '${wanted}'.`)
    return change(call, { kind: 'scale', instances })
  },
})

function changing(kind: 'stop' | 'start' | 'restart', summary: string): Command {
  return defineCommand({
    path: ['job', kind], summary, positionals: [NAME], options: OPTIONS, examples: [`millrace job ${kind} trend`],
    run: call => change(call, { kind }),
  })
}

async function change(call: Call, action: JobAction): Promise<number> {
  const name = call.required('NAME')
  const started = performance.now()
  if (call.output.live) call.output.progress(`${name}: ${action.kind} …`)
  const job = await clientOf(call).control({ name, action })
  call.output.document({ task: name, action: action.kind, job })
  const instances = job.instances === null ? '' : `, ${groupDigits(job.instances)} instance${job.instances === 1 ? '' : 's'}${job.state === 'stopped' || job.state === 'failed' ? ' from its next start on' : ''}`
  call.output.line(`${name} is ${job.state}${instances} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  return 0
}

function taskOf({ status }: Live, name: string): TaskStatus {
  const found = status.tasks.find(each => each.task === name)
  if (found === undefined) throw usage(`App '${status.app}' has no task '${name}'. It has: ${status.tasks.map(each => each.task).join(', ')}.`)
  return found
}

function known(value: number | null): string {
  return value === null ? '—' : groupDigits(value)
}

/** `≈`: counted in offsets, not in records. */
function rate(perSecond: number | null, { ratesOf }: TaskStatus): string {
  return perSecond === null ? '—' : `${ratesOf === 'offsets' && perSecond > 0 ? '≈ ' : ''}${groupDigits(perSecond)}`
}

function restarts({ job, processRestarts }: TaskStatus): string {
  if (processRestarts === null) return '—'
  return job === null || job.restarts === null ? String(processRestarts) : `job ${job.restarts}, processes ${processRestarts}`
}

function checkpoint(job: JobStatus | null, now: number): string {
  if (job === null || job.checkpoint === null) return '—'
  const { at, ms, bytes, failed } = job.checkpoint
  return [`${(Math.max(0, now - at) / 1000).toFixed(1)} s ago`, `${Math.round(ms)} ms`, ...bytes === null ? [] : [formatBytes(bytes)], ...failed === 0 ? [] : [`${failed} failed`]].join(', ')
}
