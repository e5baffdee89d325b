import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Latencies, latencyText } from './latency.ts'

const at = (offset: number, partition = 0): { topic: string, partition: number, offset: number } => ({ topic: 'in', partition, offset })

/** Records come evenly, 1,000 a second; each is done with `latencyMs` after it came, and that is committed each `commitMs`. */
function ages(latencyMs: number, commitMs: number, lookMs = 1_000): ReturnType<Latencies['of']> {
  const latencies = new Latencies()
  let now = 0
  // A little off, so that looks do not always find the same moment between two commits.
  for (let look = 0; look < 200; look++, now += lookMs + 37) {
    const committed = Math.max(0, Math.floor((now - latencyMs) / commitMs) * commitMs)
    latencies.takeEnds(now, [at(now)])
    latencies.takePosition('task', now, at(committed))
  }
  return latencies.of('task', now)
}

test('over a steady flow the ages of positions are spread like latencies, whatever the time between commits', () => {
  const quick = ages(50, 100)
  assert.ok(quick !== null && quick.p50Ms >= 50 && quick.p50Ms <= 150 && quick.p99Ms <= 150, JSON.stringify(quick))
  const checkpoints = ages(200, 5_000)
  assert.ok(checkpoints !== null && Math.abs(checkpoints.p50Ms - 2_700) < 500 && checkpoints.p99Ms > 4_500 && checkpoints.p99Ms <= 5_200, JSON.stringify(checkpoints))
  assert.equal(checkpoints.withinMs, 1_037)
})

test('a position that stands at the end tells nothing; one that has come there is younger than a look', () => {
  const latencies = new Latencies()
  const look = (now: number, end: number, committed: number): void => {
    latencies.takeEnds(now, [at(end)])
    latencies.takePosition('task', now, at(committed))
  }
  look(0, 10, 10)
  look(1_000, 10, 10)
  assert.equal(latencies.of('task', 1_000), null)
  look(2_000, 20, 20)
  assert.deepEqual(latencies.of('task', 2_000), { p50Ms: 0, p99Ms: 0, withinMs: 1_000 })
  // Stood still for long, then ten records came at once: they did not wait all that time.
  for (let now = 3_000; now <= 30_000; now += 1_000) look(now, 20, 20)
  look(31_000, 30, 20)
  assert.deepEqual(latencies.of('task', 31_000)?.p99Ms, 1_000)
  assert.equal(latencies.of('other', 31_000), null)
  assert.equal(latencies.of('task', 100_000), null, 'of the last minute alone')
})

test('what is further back than looks go is as old as its record says, or not known', () => {
  const latencies = new Latencies()
  for (const now of [0, 1_000]) {
    latencies.takeEnds(now, [at(5_000), at(5_000, 1)])
    latencies.takePosition('task', now, { ...at(100 + now), waitedMs: 90_000 })
    latencies.takePosition('other', now, { ...at(100, 1), waitedMs: null })
  }
  assert.equal(latencies.of('task', 1_000)?.p50Ms, 90_000)
  assert.equal(latencies.of('other', 1_000), null)
})

test('no figure is shown nearer than the time between two looks', () => {
  assert.equal(latencyText(null), '—')
  assert.equal(latencyText({ p50Ms: 300, p99Ms: 4_210, withinMs: 1_000 }), '< 1.0 · ≈ 4.2 s')
})
