/** The kill loop of test/real/runtime on the embedded broker, which is killed too. Needs Node alone. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { balanced } from '../real/runtime/books.ts'
import { killLoop } from '../real/runtime/kill-loop.ts'
import { startProcess } from '../support/processes.ts'
import type { Started } from '../support/processes.ts'

const BROKER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src', 'broker', 'main.js')

async function startBroker(data: string, port: number): Promise<{ broker: Started; port: number }> {
  const broker = startProcess(process.execPath, ['--enable-source-maps', BROKER, '--port', String(port), '--data', data])
  const [, address = ''] = await broker.waitFor(/"address":"([^"]+)"/)
  return { broker, port: Number(address.split(':')[1]) }
}

test('Embedded broker: app and broker are killed in turn, and the books balance', async () => {
  const data = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  let { broker, port } = await startBroker(data, 0)
  try {
    const books = await killLoop({
      bootstrap: `127.0.0.1:${port}`, kills: 6, perSecond: 500,
      disturb: async () => {
        await broker.kill('SIGKILL')
        broker = (await startBroker(data, port)).broker
      },
    })
    assert.ok(balanced(books), JSON.stringify(books))
  } finally {
    await broker.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
})
