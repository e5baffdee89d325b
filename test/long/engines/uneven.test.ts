/**
 * A slow task on another engine (the Python worker of `examples/foreign`, 10 ms a click) between tasks of ours: a burst at more than five times its drain
 * rate, then a stop of a minute while clicks come. Its neighbours go on; its lag, the cause and what to change are told; it catches up in the time that was
 * predicted, within TOLERANCE of it and SLACK_SECONDS; the books balance.
 *
 * Predictions count offsets, and the ends of transactions are offsets too that cost the worker nothing. A task of ours before it that commits each click for
 * itself leaves two or more a click, and the prediction is then up to so many times too long: so `clean` gathers for two seconds here (docs/practices.md, 2).
 *
 * The prediction is taken once the burst has left the window of rates (ten seconds): while more arrives than drains, the answer is 'never at this rate'.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import type { Live } from '../../../src/http/server.ts'
import type { TaskStatus } from '../../../src/http/status.ts'
import { type BalanceSpec, verifyLedger } from '../../support/ledger.ts'
import { onEmbedded } from '../../support/linked-chains.ts'
import { millrace, startMillrace } from '../../support/millrace.ts'
import { need, PYTHON_PACKAGES, ROOT } from '../../support/need.ts'
import { NumberedClicks } from '../../support/numbered-clicks.ts'
import type { Started } from '../../support/processes.ts'
import { until } from '../../support/watched.ts'

need('python')

const SCORE_MS = 10
/** Sent by a timer, which a busy machine delays: what came is measured. */
const BURST_PER_SECOND = 760
const BURST_SECONDS = 8
const STEADY_PER_SECOND = 20
const STOPPED_SECONDS = 60
const TOLERANCE = 0.25
/** A Python process's start, and a look a second. */
const SLACK_SECONDS = 5
const AT = 1_700_000_000_000
const hop = (task: string, from: string, to: string): BalanceSpec => ({ name: task, group: `fraud.${task}`, in: { topic: from, id: 'value:id' }, out: { topic: to, id: 'value:id', order: 'value:seq' } })
const BALANCES = [hop('clean', 'fraud.events', 'fraud.clicks'), hop('score', 'fraud.clicks', 'fraud.scores'), hop('watch', 'fraud.scores', 'fraud.risks'), hop('twin', 'fraud.clicks', 'fraud.twins')]

/** The app, its status page, and its input. */
class Uneven {
  readonly #bootstrap: string
  readonly #started: Started
  readonly #url: string
  readonly #cluster: Cluster
  #clicks: NumberedClicks | undefined
  sent = 0

  constructor(bootstrap: string, started: Started, url: string, cluster: Cluster) {
    this.#bootstrap = bootstrap
    this.#started = started
    this.#url = url
    this.#cluster = cluster
  }

  readonly log = (): string => this.#started.stderr().slice(-4000)

  async task(name: string): Promise<TaskStatus> {
    const { status } = await (await fetch(`${this.#url}api/status`)).json() as Live // The server's own format.
    return status.tasks.find(each => each.task === name) ?? assert.fail(name)
  }

  /** From now on so many clicks a second; 0: none. */
  async feed(perSecond: number): Promise<void> {
    if (this.#clicks !== undefined) {
      await this.#clicks.stop()
      this.sent = this.#clicks.sent
      this.#clicks = undefined
    }
    if (perSecond === 0) return
    this.#clicks = new NumberedClicks(this.#cluster, { topic: 'fraud.events', perSecond, keys: 31, more: seq => ({ type: 'click', price: seq % 997, at: AT + seq * 60_000 }) })
    this.#clicks.sent = this.sent
    await this.#clicks.start()
  }

  /** What `millrace lag` and `millrace advise` say of `score`. */
  async told(): Promise<{ readonly lag: string, readonly advice: string }> {
    const lag = await millrace(['lag', 'fraud.score', '--bootstrap', this.#bootstrap, '--json'])
    const advise = await millrace(['advise', '--status', this.#url, '--json'])
    assert.deepEqual([lag.exitCode, advise.exitCode], [0, 0], `${lag.stderr}\n${advise.stderr}`)
    return { lag: lag.stdout, advice: advise.stdout }
  }

  async job(action: 'stop' | 'start'): Promise<void> {
    const ran = await millrace(['job', action, 'score', '--status', this.#url])
    assert.equal(ran.exitCode, 0, ran.stderr)
  }

  caughtUp(name: string): Promise<void> {
    return until(`${name} has caught up`, async () => (await this.task(name)).catchUp.verdict === 'caughtUp', this.log, 240)
  }

  async books(): Promise<void> {
    for (const client of ['node', 'python'] as const) {
      const { account } = await verifyLedger(client, this.#bootstrap, BALANCES)
      assert.ok(account.balanced, `${client}: ${JSON.stringify(account)}`)
      for (const { name, counted, pending } of account.balances) assert.deepEqual({ name, counted, pending }, { name, counted: this.sent, pending: 0 }, client)
    }
  }
}

async function onUneven(work: (uneven: Uneven) => Promise<void>): Promise<void> {
  await onEmbedded(async bootstrap => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-uneven-'))
    const started = startMillrace(['start', join(ROOT, 'dist', 'test', 'long', 'engines', 'uneven-app.js'), '--bootstrap', bootstrap, '--data', directory, '--status-port', '0', '--set', 'clean.drainedCommit=2s', '--set', 'clean.commitInterval=2s', '--json'], { env: { PYTHONPATH: PYTHON_PACKAGES, WORKER_SCORE_MS: String(SCORE_MS) } })
    const [, url = ''] = await started.waitFor(/"status":"([^"]+)"/, 120_000)
    const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'uneven-test' })
    const uneven = new Uneven(bootstrap, started, url, cluster)
    try {
      await work(uneven)
    } finally {
      await uneven.feed(0)
      await cluster.close()
      await started.kill('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

function isNear(what: string, predicted: number, measured: number): void {
  console.log(`${what}: predicted ${predicted.toFixed(1)} s, took ${measured.toFixed(1)} s`)
  assert.ok(Math.abs(measured - predicted) <= TOLERANCE * predicted + SLACK_SECONDS, `${what}: predicted ${predicted}, took ${measured}`)
}

/** From now, when `score` is told to need so long, until it has caught up. */
async function predicted(what: string, uneven: Uneven, seconds: number | null): Promise<void> {
  const from = Date.now()
  assert.ok(seconds !== null, what)
  await uneven.caughtUp('score')
  isNear(what, seconds, (Date.now() - from) / 1000)
}

test('a slow worker lags, its neighbours do not; it catches up with a burst and with a stop of a minute in the time that was predicted, and nothing is lost', async () => {
  await onUneven(async uneven => {
    await uneven.feed(STEADY_PER_SECOND)
    await until('clicks are scored', async () => ((await uneven.task('score')).inPerSecond ?? 0) > STEADY_PER_SECOND / 2, uneven.log)

    await uneven.feed(BURST_PER_SECOND)
    const from = { at: Date.now(), sent: uneven.sent }
    let twinMost = 0
    let worst = await uneven.task('score')
    // The burst goes on until it is told that at this rate it never catches up: on a busy machine looks are rare.
    await until('the burst is told to be more than it can take', async () => {
      worst = await uneven.task('score')
      twinMost = Math.max(twinMost, (await uneven.task('twin')).inPerSecond ?? 0)
      return Date.now() - from.at >= BURST_SECONDS * 1000 && worst.catchUp.verdict === 'never'
    }, () => `${JSON.stringify(worst)}\n${uneven.log()}`, 60)
    assert.deepEqual([worst.catchUp.verdict, worst.catchUp.cause?.kind], ['never', 'slow'], JSON.stringify(worst.catchUp))
    const burstSeconds = (Date.now() - from.at) / 1000
    await uneven.feed(0)
    const perSecond = (uneven.sent - from.sent) / burstSeconds
    const told = await uneven.told()
    // The neighbours: the task before it, and the one beside it, have no lag while it has nearly all of its own.
    await uneven.caughtUp('clean')
    await uneven.caughtUp('twin')
    const behind = await uneven.task('score')
    const drain = behind.catchUp.drainPerSecond ?? assert.fail('its drain is known')
    console.log(`burst: ${perSecond.toFixed(0)}/s, ${(perSecond / drain).toFixed(1)} × the drain rate of ${drain.toFixed(0)}/s; beside it ${twinMost.toFixed(0)}/s; lag ${behind.lagRecords} when its neighbours had none; ${JSON.stringify(behind.catchUp.cause)}`)
    assert.ok(perSecond >= 5 * drain, `${perSecond} is five times ${drain}`)
    assert.ok(twinMost >= 0.8 * perSecond, `the neighbour reads what comes: ${twinMost} of ${perSecond}`)
    assert.ok((behind.lagRecords ?? 0) > (uneven.sent - from.sent) / 2, `most of the burst still waits for it: ${behind.lagRecords}`)
    assert.match(told.lag, /"cause":\{"kind":"slow"/)
    assert.match(told.advice, /"rule":"parallelism"[^}]*"task":"score"|"task":"score"[^}]*"rule":"parallelism"/)

    await until('the burst is out of the window', async () => ((await uneven.task('score')).catchUp.arrivalPerSecond ?? 1) < 1, uneven.log)
    const after = (await uneven.task('score')).catchUp
    assert.equal(after.verdict, 'in')
    await predicted('after the burst', uneven, after.seconds)

    await uneven.feed(STEADY_PER_SECOND)
    await uneven.job('stop')
    await sleep(STOPPED_SECONDS * 1000)
    const stopped = await uneven.task('score')
    assert.deepEqual([stopped.state, stopped.catchUp.verdict, stopped.catchUp.cause?.kind], ['stopped', 'in', 'stopped'], JSON.stringify(stopped.catchUp))
    assert.match((await uneven.told()).lag, /"cause":\{"kind":"(?:stopped|slow)"/)
    await uneven.job('start')
    await predicted('after a minute without it', uneven, stopped.catchUp.seconds)

    await uneven.feed(0)
    for (const name of ['clean', 'score', 'watch', 'twin']) await uneven.caughtUp(name)
    await uneven.books()
    console.log(`${uneven.sent} clicks, 0 lost, 0 doubled by both verifiers`)
  })
})
