/**
 * `millrace plan [ENTRY]`: what an app would find and make on a cluster, and every contract between its tasks that is broken. Changes nothing.
 *
 * Without a cluster's address it is the description alone; with one that does not answer it is an error (exit 3). A broken contract is exit 4.
 */
import { exitCodeOf, MillraceError } from '../../base/errors.ts'
import { collectFacts } from '../../planner/collect.ts'
import { ASSUMED, type Load } from '../../planner/capacity.ts'
import type { ClusterFacts } from '../../planner/facts.ts'
import { planReport } from '../../planner/report.ts'
import { optionTable, withOptions } from '../../topology/options.ts'
import { build } from '../../topology/build.ts'
import { declaredTwice } from '../../topology/contracts/contracts.ts'
import { loadEntry } from '../app-entry.ts'
import { bootstrapOf, withCluster } from '../cluster.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { OPTIONS_OPTION, SET_OPTION, showOptions } from '../options-text.ts'
import { showContracts, showPlan } from '../plan-text.ts'

const SAMPLE_DEFAULT = 100
const BROKEN = exitCodeOf(new MillraceError('TOPIC_MISMATCH', ''))

export const plan = defineCommand({
  path: ['plan'],
  summary: 'what an app needs, what differs from the cluster, and every broken contract',
  positionals: [{ name: 'ENTRY', describe: 'the module whose default export is the app; default app.js', optional: true }],
  options: {
    ...CLUSTER_OPTIONS,
    bootstrap: { type: 'string', short: 'b', value: 'HOST:PORT', describe: 'the cluster to hold it against; default $MILLRACE_BOOTSTRAP, else the description alone' },
    sample: { type: 'number', value: 'N', describe: 'read the last N records of each topic and decode them; 0: none', default: SAMPLE_DEFAULT },
    processes: { type: 'number', min: 1, describe: 'how many processes are to run it', default: 1 },
    threads: { type: 'number', describe: 'worker threads of each', default: 1 },
    rate: { type: 'number', min: 1, value: 'N', describe: 'records a second in each topic from outside: says what that needs' },
    'record-bytes': { type: 'number', min: 1, value: 'N', describe: 'size of a record (default 500, with --rate)' },
    'latency-ms': { type: 'number', min: 1, value: 'N', describe: 'from a record to its last result, 99th percentile' },
    options: OPTIONS_OPTION,
    set: SET_OPTION,
    'worker-rate': { type: 'number', min: 1, value: 'N', describe: `records a second of one worker through one stage, as measured (default ${ASSUMED.workerRate})` },
    'hop-ms': { type: 'number', min: 1, value: 'N', describe: `one transactional hop, 99th percentile, as measured (default ${ASSUMED.hopMs})` },
  },
  examples: ['millrace plan app.js', 'millrace plan app.js --bootstrap kafka-1:9092 --processes 3', 'millrace plan app.js --rate 20000 --record-bytes 400 --latency-ms 500'],
  async run(call) {
    const load = loadOf(call)
    const workers = { processes: call.number('processes') ?? 1, threads: call.number('threads') ?? 1 }
    const sample = call.number('sample') ?? SAMPLE_DEFAULT
    const entry = await loadEntry(call.positional('ENTRY') ?? 'app.js')
    const app = withOptions(entry.app, call.texts('set'))
    const twice = declaredTwice(app)
    if (twice.length > 0) {
      call.output.document({ app: app.name, contracts: twice, holds: false })
      showContracts(call.output, twice)
      return BROKEN
    }
    const built = build(app)
    const options = call.flag('options') ? optionTable(app) : undefined
    const isAsked = (call.text('bootstrap') ?? process.env['MILLRACE_BOOTSTRAP']) !== undefined
    const show = (facts: ClusterFacts | undefined): number => {
      const report = planReport(built, facts, { workers, load })
      call.output.document(options === undefined ? report : { ...report, options })
      showPlan(call.output, report)
      if (options !== undefined) showOptions(call.output, options)
      return report.holds ? 0 : BROKEN
    }
    return isAsked ? withCluster(call, async (cluster, admin) => show(await collectFacts(cluster, admin, built, { bootstrap: bootstrapOf(call), sample }))) : show(undefined)
  },
})

function loadOf(call: Call): Load | undefined {
  const rate = call.number('rate')
  const given = ['record-bytes', 'latency-ms', 'worker-rate', 'hop-ms'].filter(name => call.number(name) !== undefined)
  if (rate === undefined) {
    if (given.length > 0) throw usage(`--${given[0] ?? ''} says how to plan for a load; state the load too: --rate N (records a second).`)
    return undefined
  }
  return {
    rate, recordBytes: call.number('record-bytes') ?? 500, latencyMs: call.number('latency-ms'),
    workerRate: call.number('worker-rate') ?? ASSUMED.workerRate, hopMs: call.number('hop-ms') ?? ASSUMED.hopMs,
  }
}
