/** `millrace broker start` on a disk whose fsync fails: it says so, acknowledges nothing more, and ends; a restart serves what was acknowledged. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN, millrace, startTestBroker } from '../../support/millrace.ts'
import { need } from '../../support/need.ts'
import { type Started, startProcess } from '../../support/processes.ts'

need('strace')

test('an fsync that fails with EIO ends the broker process with exit code 5, its producer is refused, and a restart has what was acknowledged', async () => {
  const first = await startTestBroker()
  const at = (bootstrap: string): string[] => ['--bootstrap', bootstrap]
  const produce = (bootstrap: string, value: string): ReturnType<typeof millrace> => millrace(['topic', 'produce', 'kept', '-v', value, ...at(bootstrap)])
  assert.equal((await millrace(['topic', 'new', 'kept', ...at(first.bootstrap)])).exitCode, 0)
  assert.equal((await produce(first.bootstrap, 'acknowledged')).exitCode, 0)
  // Killed: only such a log is synced before its broker serves it.
  await first.process.kill('SIGKILL')

  const segment = join(first.directory, 'kept-0', '00000000000000000000.log')
  const startFailing = (from: number): Started => startProcess('strace', ['-f', '-qq', '-o', '/dev/null', '-P', segment, '-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=EIO:when=${from}+`,
    process.execPath, MAIN, 'broker', 'start', '--port', '0', '--data', first.directory, '--json'], { env: { UV_THREADPOOL_SIZE: '1' } })
  // The first one belongs to the recovery.
  const refusedStart = await startFailing(1).exited
  assert.equal(refusedStart.exitCode, 5, refusedStart.stderr)
  assert.match(refusedStart.stderr, /✖ DISK_FAILED {2}The disk of \S+ failed: EIO/)

  const failing = startFailing(2)
  const [, address = ''] = await failing.waitFor(/"address":"([^"]+)"/)
  const refused = produce(address, 'never acknowledged')
  const ended = await failing.exited
  assert.equal(ended.exitCode, 5, ended.stderr)
  assert.match(ended.stderr, /✖ DISK_FAILED {2}.*disk failed/)
  assert.notEqual((await refused).exitCode, 0)

  const again = await startTestBroker({ directory: first.directory })
  const read = await millrace(['topic', 'tail', 'kept', '-o', 'earliest', '-e', '-f', '%v\\n', ...at(again.bootstrap)])
  assert.match(read.stdout, /^acknowledged\n/, 'what was not acknowledged may be there or not')
  assert.equal(await again.stop(), 0)
  again.remove()
})
