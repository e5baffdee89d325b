/** The one place that knows every engine: a foreign task's job, by what it runs on. */
import { unreachable } from '../base/assert.ts'
import type { ForeignSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { connectJob } from './connect/job.ts'
import { type Job, type JobContext, type JobOf, UNKNOWN_STATUS } from './engine.ts'
import { flinkJob } from './flink/job.ts'
import { kafkaStreamsJob } from './kafka-streams-job.ts'
import { processJob } from './process-job.ts'
import { sparkJob } from './spark/job.ts'
import { samzaJob } from './samza-job.ts'
import { stormJob } from './storm/job.ts'

export function jobOf(task: ForeignTaskPlan, context: JobContext): Job {
  const { on } = task
  switch (on.engine) {
    case 'process': return make(processJob, task, on, context)
    case 'kafkaStreams': return make(kafkaStreamsJob, task, on, context)
    case 'flink': return make(flinkJob, task, on, context)
    case 'spark': return make(sparkJob, task, on, context)
    case 'connect': return make(connectJob, task, on, context)
    case 'storm': return make(stormJob, task, on, context)
    case 'samza': return make(samzaJob, task, on, context)
    case 'external': return { start: () => Promise.resolve(), stop: () => Promise.resolve(), status: () => ({ ...UNKNOWN_STATUS, state: 'external' }) }
    default: return unreachable(on)
  }
}

function make<Spec extends ForeignSpec>(job: JobOf<Spec>, task: ForeignTaskPlan, on: Spec, context: JobContext): Job {
  return job({ ...task, on }, context)
}
