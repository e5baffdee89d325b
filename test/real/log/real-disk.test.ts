/**
 * The log on real file systems: killed, full, with failing fsyncs, without power.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realEnv } from '../../../src/env/real/env.ts'
import { LogManager } from '../../../src/log/log-manager.ts'
import { loadCompression } from '../../../src/wire/compression.ts'
import { errorName, kafkaCodeOf } from '../../../src/wire/error-codes.ts'
import { batchOf, configOf, readAll, TOPIC_ID } from '../../support/log-batches.ts'
import { need } from '../../support/need.ts'
import { cannotCutPower, cutPower } from './power-cut.ts'

await loadCompression()

const KILLS = 25
const WRITER = join(fileURLToPath(new URL('.', import.meta.url)), 'writer.js')

/** Runs a writer until `delayMs` after its first word, or after its start; gives what it said. */
async function writeAndKill(directory: string, delayMs: number, fromStart: boolean): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  for (let waited = 0; !fromStart && output === '' && child.exitCode === null && waited < 30_000; waited += 5) await new Promise(resolve => setTimeout(resolve, 5))
  await new Promise(resolve => setTimeout(resolve, delayMs))
  child.kill('SIGKILL')
  await exited
  // The last line may be cut in the middle.
  return output.split('\n').slice(0, -1)
}

test(`${KILLS} SIGKILLs, some during recovery: every acknowledged record is there, in its place`, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  try {
    let acknowledged = 0
    let recoveries = 0
    for (let kill = 0; kill < KILLS; kill++) {
      for (const line of await writeAndKill(directory, (kill * 37) % 150, kill % 4 === 3)) {
        const [word, value] = line.split(' ')
        assert.notEqual(word, 'failed', line)
        if (word === 'recovered') {
          recoveries += 1
          assert.ok(Number(value) >= acknowledged, `${acknowledged} was acknowledged, ${value} is there`)
        }
        acknowledged = Math.max(acknowledged, Number(value))
      }
    }
    assert.ok(recoveries > KILLS / 2 && acknowledged > 500, `${recoveries} recoveries, ${acknowledged} acknowledged`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a file system of 64 MiB: filled, refused with a retriable error, freed, written and read back', async t => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return t.skip('mounting a tmpfs needs Linux and root')
  const directory = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', directory])
  try {
    const data = join(directory, 'data')
    const manager = await LogManager.open(realEnv, { directory: data, durability: { kind: 'sync' }, minFreeBytes: 4 * 1024 * 1024 })
    const log = await manager.openPartition({ topicId: TOPIC_ID, topic: 'full', partition: 0, config: configOf({ segmentBytes: 8 * 1024 * 1024, retentionMs: -1, retentionBytes: 20 * 1024 * 1024 }) })
    const fill = (): void => {
      for (let index = 0; index < 1000; index++) log.append(batchOf([{ key: 'k', value: 'x'.repeat(500_000), timestamp: Date.now() }]), { origin: 'client' })
    }
    assert.throws(fill, (error: unknown) => errorName(kafkaCodeOf(error) ?? 0) === 'KAFKA_STORAGE_ERROR')
    // Now the rest too, by somebody else: the coordinator's own appends meet ENOSPC, and leave no half batch.
    writeFileSync(join(directory, 'hog'), '')
    spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'hog')}`, 'bs=1M', 'count=64'], { stdio: 'ignore' })
    assert.throws(() => {
      for (let index = 0; index < 100; index++) log.append(batchOf([{ key: 'k', value: 'y'.repeat(100_000), timestamp: Date.now() }]), { origin: 'coordinator' })
    }, (error: unknown) => errorName(kafkaCodeOf(error) ?? 0) === 'KAFKA_STORAGE_ERROR')
    const full = log.logEndOffset
    await log.flushed(full)
    assert.equal(readAll(log, { bytesMax: 4_000_000 }).length, full)
    rmSync(join(directory, 'hog'))
    const { applyRetention } = await import('../../../src/log/retention.ts')
    assert.ok(await applyRetention(log, Date.now()) > 16 * 1024 * 1024)
    const { lastOffset } = log.append(batchOf([{ key: 'k', value: 'after', timestamp: Date.now() }]), { origin: 'client' })
    await log.flushed(lastOffset + 1)
    assert.equal(readAll(log, { from: lastOffset })[0]?.value, 'after')
    await manager.close()
    const again = await LogManager.open(realEnv, { directory: data, durability: { kind: 'sync' }, minFreeBytes: 0 })
    assert.equal(again.wasClean, true)
    const reopened = await again.openPartition({ topicId: TOPIC_ID, topic: 'full', partition: 0, config: configOf() })
    assert.equal(readAll(reopened, { bytesMax: 4_000_000 }).at(-1)?.value, 'after')
    await again.close()
  } finally {
    execFileSync('umount', [directory])
    rmSync(directory, { recursive: true, force: true })
  }
})

test('an fsync that fails with EIO ends the service with exit code 5, and nothing is acknowledged after it', async () => {
  need('strace')
  for (const failing of [12, 25]) {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-eio-'))
    try {
      mkdirSync(join(directory, 'data'))
      // Only the segment's fdatasyncs count; with one pool thread, `when` counts them in order.
      const ran = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-P', join(directory, 'data', 'kill-0', '00000000000000000000.log'), '-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=EIO:when=${failing}`, process.execPath, WRITER, join(directory, 'data'), '100000000'], { env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, encoding: 'utf8', timeout: 60_000 })
      const lines = ran.stdout.trim().split('\n')
      assert.equal(ran.status, 5, ran.stdout + ran.stderr)
      assert.match(lines.at(-1) ?? '', /^failed .*disk failed/)
      // One fdatasync belongs to the recovery of the new partition, the others to one acknowledgement each.
      assert.equal(lines.filter(line => line.startsWith('ack')).length, failing - 2)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
})

test('twelve power cuts, half of them while it recovers, lose nothing acknowledged', async t => {
  const reason = cannotCutPower()
  if (reason !== undefined) return t.skip(reason)
  const report = await cutPower(12)
  assert.deepEqual(report.failures, [])
  assert.equal(report.lost, 0)
  assert.equal(report.cuts, 12)
  assert.ok(report.acknowledged > 100, JSON.stringify(report))
})
