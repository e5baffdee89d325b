/** A Flink cluster of one task whose processes do not start: what its log says is said, and a port that was taken is tried elsewhere. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jobContext } from '../../../test/support/job-context.ts'
import { MillraceError } from '../../base/errors.ts'
import { startCluster } from './cluster.ts'
import { flink } from './flink.ts'

/** How a start ends where the job manager logs `lines` and ends. */
async function failure(lines: readonly string[]): Promise<MillraceError> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flink-cluster-'))
  try {
    const context = jobContext({
      directory, java: () => Promise.resolve('java'), freePort: () => Promise.resolve(9702),
      installation: () => ({ classpath: ['flink.jar'], manifest: { name: 'flink', version: '2.0.0', describe: '', java: 17, javaOptions: [], jars: [], wheels: [] }, directory, pythonPath: undefined }),
      supervise: ({ name, onLine }) => {
        for (const line of lines) onLine?.(line)
        return Promise.reject(new MillraceError('CONFIG_INVALID', `${name} ended at its start: exit code 1`))
      },
    })
    const error: unknown = await startCluster('trend', flink({ sql: 'trend.sql' }), context, () => Promise.resolve()).then(() => undefined, (reason: unknown) => reason)
    assert.ok(error instanceof MillraceError, String(error))
    return error
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a port that was taken since it was chosen is named, with the log, and tried elsewhere', async () => {
  const error = await failure([
    '08:30:22,412 ERROR NettyTransport                           - failed to bind to host:127.0.0.1 port:9702, shutting down Netty transport',
    '08:30:22,662 ERROR ClusterUncaughtExceptionHandler          - WARNING: Thread ended', 'Caused by: java.lang.ClassNotFoundException: scala.collection.convert.Wrappers',
  ])
  assert.match(error.message, /^trend-jobmanager found a port taken .*\(failed to bind to host:127\.0\.0\.1 port:9702, .*others are tried\. Its log: .*trend-jobmanager\.log$/)
  assert.equal(error.retriable, true)
})

test('what else ended it is said by its last error, and is not tried again', async () => {
  const error = await failure(['08:30:22,607 ERROR ClusterEntrypoint                        - Could not start', 'java.lang.IllegalStateException: no', 'Caused by: java.io.IOException: No space left on device'])
  assert.match(error.message, /^trend-jobmanager ended at its start: exit code 1: java\.io\.IOException: No space left on device\nIts log: /)
  assert.equal(error.retriable, false)
})

test('where Flink has said nothing, the supervisor\'s word stands', async () => {
  assert.equal((await failure(['08:30:22,607 INFO  ClusterEntrypoint - starting'])).message, 'trend-jobmanager ended at its start: exit code 1')
})
