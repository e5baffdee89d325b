/** Each rule has a planted case that it must find, and nothing else does; a healthy app is advised nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { flink, kafkaStreams, spark } from 'millrace/engines'
import { optionTable, withOptions } from '../topology/options.ts'
import { adviceOf } from './advice.ts'
import type { Advice, AdvisedTask, AdviceFacts } from './advice-facts.ts'
import type { CatchUp, LagCauseKind, WorkerRates } from './catch-up.ts'

// The browser's code is a project of its own: what it was built to is loaded.
const { evidenceInChinese } = await import(new URL('../http/browser/advice-evidence.js', import.meta.url).href) as { readonly evidenceInChinese: (sentence: string) => string | undefined }

const clicks = topic('clicks', { key: text, value: int64, partitions: 4 })
const counts = topic('counts', { key: text, value: int64, partitions: 4 })
const described = app('shop')
  .task('count', ({ read }) => read(clicks).count('clicks').write(counts))
  .task('trend', { on: flink({ sql: 'trend.sql' }), reads: [counts] })
  .task('stats', { on: spark({ source: 'Stats.java' }), reads: [counts] })
  .task('streams', { on: kafkaStreams({ source: 'Streams.java', instances: 4 }), reads: [counts] })

const KEEPS_UP: CatchUp = { verdict: 'caughtUp', seconds: 0, arrivalPerSecond: 100, drainPerSecond: 900, drainFrom: 'busyTime', cause: null }
const late = (kind: LagCauseKind, more: Partial<CatchUp> = {}): Partial<AdvisedTask> => ({
  lagRecords: 60_000, lagSeconds: 42, catchUp: { verdict: 'never', seconds: null, arrivalPerSecond: 1000, drainPerSecond: 800, drainFrom: 'backlog', cause: { kind, share: 0.9, what: null }, ...more },
})

function worker(number: number, times: Partial<WorkerRates['times']>, shards: readonly number[], lag = 0): WorkerRates {
  return { process: 'shop/a-0/1', worker: number, lag, arrival: 100, drain: 100, times: { busy: 0, commit: 0, output: 0, fetch: 0, ...times }, shards: shards.map((busy, index) => ({ shard: `0_${number * 2 + index}`, busy, arrival: 100 })) }
}

function task(name: string, more: Partial<AdvisedTask> = {}): AdvisedTask {
  const engine = { count: 'millrace', trend: 'flink', stats: 'spark', streams: 'kafkaStreams' }[name] ?? 'millrace'
  return {
    task: name, engine, state: 'running', lagRecords: 12, lagSeconds: 0.1, catchUp: KEEPS_UP, commitsPerSecond: 8, commitMsP50: 6, restore: null, lastError: null,
    workers: engine === 'millrace' ? [worker(0, { busy: 0.3 }, [0.15, 0.15]), worker(1, { busy: 0.3 }, [0.15, 0.15])] : [],
    job: engine === 'millrace' ? null : { instances: 1, checkpoint: { ms: 40, failed: 0 }, backPressure: 0 }, ...more,
  }
}

function advised(tasks: readonly AdvisedTask[], more: { readonly sets?: readonly string[], readonly facts?: Partial<AdviceFacts> } = {}): Advice[] {
  return adviceOf({
    app: 'shop', tasks, options: optionTable(withOptions(described, more.sets ?? [])), brokers: 3,
    reads: new Map(['count', 'trend', 'stats', 'streams'].map(name => [name, [{ topic: name === 'count' ? 'clicks' : 'counts', partitions: 4 }]])),
    writes: new Map([['count', [{ topic: 'counts', replicas: 3 }]]]), ...more.facts,
  })
}

/** An engine's own word. */
const ERROR = 'boom 7'

/** Exactly one advice, of this rule; with `option` the option it names and the value to try. */
function finds(rule: string, found: readonly Advice[], option?: readonly [name: string, to: number]): Advice {
  assert.deepEqual(found.map(each => each.rule), [rule])
  const [advice] = found
  assert.ok(advice !== undefined && advice.evidence.length > 0 && advice.evidence.every(each => /\d/.test(each) || each.length > 3) && advice.problem.includes('') && advice.change !== '' && advice.costs !== '')
  for (const sentence of advice.evidence.filter(each => each !== ERROR)) {
    const chinese = evidenceInChinese(sentence)
    assert.ok(chinese !== undefined, `the page has no Chinese for: ${sentence}`)
    assert.deepEqual(chinese.match(/[\d.]+/g)?.sort(), sentence.match(/[\d.]+/g)?.sort(), 'the same numbers')
  }
  assert.deepEqual(advice.option === null ? undefined : [advice.option.name, advice.option.to], option)
  return advice
}

test('a healthy app is advised nothing, and one that only has more to do is neither', () => {
  const healthy = ['count', 'trend', 'stats', 'streams'].map(name => task(name))
  assert.deepEqual(advised(healthy), [])
  assert.deepEqual(advised([task('count', { workers: [worker(0, { busy: 0.7, commit: 0.1 }, [0.3, 0.3]), worker(1, { busy: 0.6 }, [0.3, 0.3])] })]), [])
  assert.deepEqual(advised([]), [])
})

test('stopped, failed, restoring, without an owner, behind an open transaction: no option helps, and it says what does', () => {
  for (const [kind, rule] of [['stopped', 'stopped'], ['failed', 'failed'], ['restoring', 'restoring'], ['unowned', 'unowned'], ['held', 'transaction-open'], ['rebalancing', 'rebalancing']] as const) {
    finds(rule, advised([task('count', { ...late(kind), lastError: ERROR })]))
  }
  assert.match(finds('stopped', advised([task('trend', late('stopped'))])).change, /millrace job start trend/)
})

test('commits dominate throughput', () => {
  const advice = finds('commit-throughput', advised([task('count', { ...late('commit'), commitMsP50: 80, workers: [worker(0, { busy: 0.3, commit: 0.6 }, [0.1, 0.1], 60_000)] })]), ['count.commitInterval', 500])
  assert.deepEqual(advice.evidence.slice(0, 2), ['60 % of the time of a-0/1, worker 0 waits for a commit', 'a commit takes 80 ms (median), 8.0 a second'])
  finds('commit-throughput', advised([task('count', { ...late('commit'), workers: [worker(0, { commit: 0.6 }, [0.1], 60_000)] })], { sets: ['count.commitInterval=2s'] }), ['count.commitInterval', 10_000])
})

test('the broker does not take the output: batch, and what replication has to do with it', () => {
  const advice = finds('output', advised([task('count', { ...late('output'), workers: [worker(0, { busy: 0.3, output: 0.6 }, [0.1], 60_000)] })]), ['count.batch', 1024 * 1024])
  assert.match(advice.evidence.join('; '), /counts has 3/)
})

test('it waits for fetches', () => {
  finds('fetch', advised([task('count', { ...late('broker'), workers: [worker(0, { busy: 0.2, fetch: 0.7 }, [0.1], 60_000)] })]), ['count.fetch', 64 * 1024 * 1024])
})

test('one hot partition, which no assignment shares out', () => {
  const advice = finds('hot-partition', advised([task('count', { ...late('slow'), workers: [worker(0, { busy: 0.97 }, [0.8, 0.1], 60_000), worker(1, { busy: 0.2 }, [0.1, 0.1])] })]))
  assert.match(advice.problem, /Partition 0/)
  assert.match(advice.evidence.join('; '), /89 % of its work is shard 0\/0/)
})

test('a full worker while others have room: they will be evened out', () => {
  finds('uneven', advised([task('count', { ...late('slow'), workers: [worker(0, { busy: 0.97 }, [0.45, 0.45], 60_000), worker(1, { busy: 0.2 }, [0.1, 0.1])] })]))
})

test('fewer partitions than workers', () => {
  finds('too-few-partitions', advised([task('count', { ...late('slow'), workers: [worker(0, { busy: 0.97 }, [0.45, 0.45], 60_000), worker(1, { busy: 0.95 }, [0.45, 0.45]), worker(2, {}, [])] })]), ['clicks.partitions', 8])
  finds('too-few-partitions', advised([task('count', { ...late('slow'), workers: [worker(0, { busy: 0.97 }, [0.9], 60_000), worker(1, { busy: 0.97 }, [0.9])] })]), ['clicks.partitions', 8])
})

test('all workers full, and shards for more of them', () => {
  const advice = finds('more-workers', advised([task('count', { ...late('slow'), workers: [worker(0, { busy: 0.97 }, [0.45, 0.45], 60_000), worker(1, { busy: 0.95 }, [0.45, 0.45])] })]))
  assert.match(advice.change, /--processes 4/)
})

test('the commit interval dominates latency', () => {
  finds('commit-latency', advised([task('count')], { sets: ['count.drainedCommit=2s'] }), ['count.drainedCommit', 12])
})

test('idle workers', () => {
  finds('idle-workers', advised([task('count', { workers: [worker(0, { busy: 0.3 }, [0.1]), worker(1, {}, [])] })]))
})

test('Flink: checkpoints too often, too seldom, and too little parallelism', () => {
  finds('checkpoint-cost', advised([task('trend', { job: { instances: 1, checkpoint: { ms: 900, failed: 2 }, backPressure: 0 } })]), ['trend.checkpointInterval', 3600])
  finds('checkpoint-latency', advised([task('trend')], { sets: ['trend.checkpointInterval=60s'] }), ['trend.checkpointInterval', 1000])
  const slow = finds('parallelism', advised([task('trend', { ...late('slow'), job: { instances: 1, checkpoint: { ms: 40, failed: 0 }, backPressure: 0.8 } })]), ['trend.parallelism', 2])
  assert.match(slow.evidence.join('; '), /waits 80 %/)
  assert.match(slow.change, /millrace job scale trend 2 \(now\)/)
})

test('Spark: a rate limit below what arrives, and a trigger that results wait for', () => {
  finds('rate-limit', advised([task('stats', late('slow'))], { sets: ['stats.maxOffsetsPerTrigger=500'] }), ['stats.maxOffsetsPerTrigger', 2000])
  assert.deepEqual(advised([task('stats', late('slow'))], { sets: ['stats.maxOffsetsPerTrigger=500000'] }), [], 'a limit that does not bound it is not the cause')
  finds('checkpoint-latency', advised([task('stats')], { sets: ['stats.trigger=30s'] }), ['stats.trigger', 1000])
})

test('as many instances as partitions: only partitions help', () => {
  finds('too-few-partitions', advised([task('streams', { ...late('slow'), job: { instances: 4, checkpoint: null, backPressure: null } })]), ['counts.partitions', 8])
})

test('one replica on a cluster of several brokers', () => {
  finds('replicas', advised([task('count')], { facts: { writes: new Map([['count', [{ topic: 'counts', replicas: 1 }]]]) } }), ['counts.replicas', 3])
  assert.deepEqual(advised([task('count')], { facts: { brokers: 1, writes: new Map([['count', [{ topic: 'counts', replicas: 1 }]]]) } }), [])
})

test('the gravest comes first', () => {
  assert.deepEqual(advised([task('count', { workers: [worker(0, { busy: 0.3 }, [0.1]), worker(1, {}, [])] }), task('trend', late('stopped'))]).map(each => each.level), ['high', 'low'])
})
