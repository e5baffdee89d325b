/**
 * Runs the scenarios against a broker and judges two runs of them.
 *
 * U1. Each API and version that is advertised is asked at least once (`unasked` names those that were not).
 * U2. Where Kafka's recording has NOT_LEADER_OR_FOLLOWER or NOT_COORDINATOR, somebody was asked before his office had begun: that answer and
 *     all that follow in that run of the scenario stand on what was never taken. They are not judged; `toRecordAgain` names them, and a
 *     test fails where there are any.
 * U3. A difference is allowed by an entry of `allowed.ts` or it is one too many; an entry that nothing needed is stale.
 */
import { SERVED } from '../../../src/broker/handlers/index.ts'
import { findCoordinator } from '../../../src/wire/apis/10-find-coordinator.ts'
import { describeGroups } from '../../../src/wire/apis/15-describe-groups.ts'
import { initProducerId } from '../../../src/wire/apis/22-init-producer-id.ts'
import type { Api } from '../../../src/wire/schema.ts'
import type { AllowedDifference } from './allowed.ts'
import { differencesOf, Normalizer } from './compare.ts'
import { SCENARIOS } from './scenarios/index.ts'
import { Run } from './step.ts'
import type { Scenario } from './step.ts'

/** One answer, made comparable. */
export interface Answered {
  /** Scenario, rung, step: the same for both brokers. */
  readonly where: string
  readonly api: string
  readonly key: number
  readonly version: number
  readonly answer: unknown
}

export interface Verdict {
  /** Answers that were held to Kafka's. */
  readonly compared: number
  readonly differences: readonly string[]
  readonly allowed: number
  readonly stale: readonly AllowedDifference[]
}

/** By key, the served handler. */
const RANGES = new Map(SERVED.map(handler => [handler.api.key, handler]))

function versionOf(api: Api, rung: number): number {
  const served = RANGES.get(api.key)
  const [min, max] = served === undefined ? [api.versionMin, api.versionMax] : [served.versionMin, served.versionMax]
  return max - rung % (max - min + 1)
}

/** `each` is told of the answers so far after each rung. Rejects at the end where scenarios could not be carried through. */
export async function runScenarios(port: number, now: number, each: (answers: readonly Answered[]) => void = () => {}, scenarios: readonly Scenario[] = SCENARIOS): Promise<Answered[]> {
  const answers: Answered[] = []
  const failed: string[] = []
  await settle(port, now)
  for (let rung = 0; scenarios.some(scenario => rung < scenario.rungs); rung++) {
    for (const [number, scenario] of scenarios.entries()) {
      if (rung >= scenario.rungs) continue
      try {
        answers.push(...await runRung(scenario, new Run({ port, scenario: number, rung, now, versionOf: api => versionOf(api, rung) })))
      } catch (error) {
        failed.push(error instanceof Error ? error.message : String(error))
      }
    }
    each(answers)
  }
  if (failed.length > 0) throw new Error(`not carried through on port ${port}:\n${failed.join('\n')}`)
  return answers
}

async function runRung(scenario: Scenario, run: Run): Promise<Answered[]> {
  const { rung } = run
  const normalizer = new Normalizer(run.port)
  const answers: Answered[] = []
  try {
    for (const [index, step] of scenario.steps.entries()) {
      const exchanges = await step.run(run).catch((error: Error) => { throw new Error(`${scenario.name}, rung ${rung}, ${step.name}: ${error.message}`, { cause: error }) })
      for (const [part, { api, version, answer }] of exchanges.entries()) {
        answers.push({ where: `${scenario.name} / ${rung} / ${index}.${part} ${step.name}`, api: api.name, key: api.key, version, answer: normalizer.value(answer) })
      }
    }
  } finally {
    run.close()
  }
  return answers
}

/** The first producer ids are 0 and 1 on one broker and others on the other, and a refusal says 0: so none in the scenarios is 0. */
async function settle(port: number, now: number): Promise<void> {
  const run = new Run({ port, scenario: -1, rung: 0, now, versionOf: api => api.versionMax })
  const client = await run.client()
  for (let id = -1, tries = 0; id <= 0 && tries < 200; tries++) {
    id = (await client.request(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId
    if (id < 0) await new Promise(resolve => setTimeout(resolve, 50))
  }
  // Both coordinators make their topics now, and not while a scenario runs.
  for (const keyType of [0, 1]) {
    const settled = async (): Promise<boolean> => {
      const { coordinators } = await client.request(findCoordinator, 4, { keyType, coordinatorKeys: ['settled'] })
      const { groups } = await client.request(describeGroups, 5, { groups: ['settled'] })
      return [...coordinators, ...groups].every(each => each.errorCode === 0)
    }
    for (let tries = 0; tries < 200 && !await settled(); tries++) await new Promise(resolve => setTimeout(resolve, 50))
  }
  run.close()
}

export function judge(theirs: readonly Answered[], ours: readonly Answered[], allowed: readonly AllowedDifference[]): Verdict {
  const differences: string[] = []
  const used = new Set<AllowedDifference>()
  let [count, compared] = [0, 0]
  const again = new Set(toRecordAgain(theirs))
  const byPlace = new Map(ours.map(answered => [answered.where, answered]))
  for (const { where, api, version, answer } of theirs) {
    if (again.has(where)) continue
    compared++
    for (const difference of differencesOf(answer, byPlace.get(where)?.answer)) {
      const path = difference.path.replaceAll(/-\d+-\d+(?=[./]|$)/g, '')
      const entry = allowed.find(each => each.api === api && version >= each.versions[0] && version <= each.versions[1] && each.step?.test(where) !== false && each.field.test(path))
      if (entry === undefined) differences.push(`${api} v${version} [${where}] ${difference.path}: Kafka ${difference.theirs}, ours ${difference.ours}`)
      else {
        used.add(entry)
        count++
      }
    }
  }
  return { compared, differences, allowed: count, stale: allowed.filter(entry => !used.has(entry) && entry.byTiming !== true) }
}

const BEFORE_ITS_TIME = /"(NOT_LEADER_OR_FOLLOWER|NOT_COORDINATOR)"/

/** Kafka's answers that are the recording's fault (U2), by place. */
export function toRecordAgain(theirs: readonly Answered[]): string[] {
  const early = new Set<string>()
  return theirs.filter(({ where, answer }) => {
    const run = where.split(' / ').slice(0, 2).join(' / ')
    if (BEFORE_ITS_TIME.test(JSON.stringify(answer))) early.add(run)
    return early.has(run)
  }).map(({ where }) => where)
}

/** What is advertised and was not asked. */
export function unasked(answers: readonly Answered[]): string[] {
  const asked = new Set(answers.map(({ key, version }) => `${key} ${version}`))
  return SERVED.flatMap(({ api, versionMin, versionMax }) => Array.from({ length: versionMax - versionMin + 1 }, (_, index) => versionMin + index)
    .filter(version => !asked.has(`${api.key} ${version}`)).map(version => `${api.name} v${version}`))
}
