/** Kafka Connect at both ends of a task of ours, each worker killed and what comes out compared with what went in: `examples/linked/connect.ts`. */
import { strict as assert } from 'node:assert'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster } from '../../src/client/cluster.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { readAll } from '../real/runtime/books.ts'
import { ROOT } from './need.ts'
import { until, Watched } from './watched.ts'

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'connect.js')
/** A worker that was killed is missed for 10 s, and its sink's group for 10 s more. */
const SECONDS_MAX = 180

export async function connectKills(bootstrap: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-connect-'))
  let sent = 0
  const append = (count: number): void => appendFileSync(join(folder, 'lines.txt'), Array.from({ length: count }, () => `${JSON.stringify({ id: `e${sent}`, seq: sent++ })}\n`).join(''))
  const out = (): string[] => existsSync(join(folder, 'cleaned.txt')) ? readFileSync(join(folder, 'cleaned.txt'), 'utf8').split('\n').slice(0, -1) : []
  append(100)
  const watched = await Watched.start(ENTRY, bootstrap, folder, { LINKED_FILES: folder })
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'connect-test' })
  const timer = setInterval(() => append(5), 50)
  const grows = async (when: string): Promise<void> => {
    const before = out().length
    await until(`the file grows ${when}`, () => Promise.resolve(out().length > before + 50), watched.log, SECONDS_MAX)
  }
  try {
    for (const name of ['import', 'export']) {
      await grows(`before ${name} is killed`)
      await watched.kill(name)
    }
    await grows('after the last kill')
    clearInterval(timer)
    await until('every line has come out', () => Promise.resolve(new Set(out()).size === sent), watched.log, SECONDS_MAX)
    const seqs = Array.from({ length: sent }, (_, seq) => seq)
    assert.deepEqual([...new Set(out().map(line => (JSON.parse(line) as { seq: number }).seq))].sort((a, b) => a - b), seqs) // Written by this test.
    for (const topic of ['linked.lines', 'linked.cleaned']) {
      const ids: number[] = []
      await readAll(cluster, topic, (_partition, _offset, _key, value) => { ids.push((JSON.parse(value) as { seq: number }).seq) }) // Written by this test.
      assert.deepEqual(ids.sort((a, b) => a - b), seqs, `${topic}: each line once`)
    }
    for (const name of ['import', 'export']) assert.deepEqual([(await watched.task(name))?.state, (await watched.task(name))?.lastError], ['running', null], name)
    const gaps = (await watched.processes()).map(({ name, restarts, gapMs }) => `${name}: ${restarts} restarts, last gap ${gapMs} ms`)
    console.log(`${sent} lines, ${out().length - sent} of them twice in the file; ${gaps.join('; ')}`)
    await watched.stop()
  } catch (error) {
    console.log(watched.log())
    throw error
  } finally {
    clearInterval(timer)
    await cluster.close()
    await watched.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
