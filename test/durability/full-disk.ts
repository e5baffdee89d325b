/** A file system that is full: writes are refused with an error that a client repeats, reads go on, and all is well once there is space again. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Broker } from '../../src/broker/broker.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { WireClient } from '../support/wire-client.ts'
import { Lanes } from './lanes.ts'
import { initProducer, makeTopic, readAll, send, WrongAnswer } from './wire-steps.ts'

export async function fullDisk(): Promise<{ readonly count: number; readonly wrong: string[]; readonly figures: Readonly<Record<string, number>> }> {
  const mount = mkdtempSync('/dev/shm/millrace-full-')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'millrace-full', mount])
  const wrong: string[] = []
  const lanes = new Lanes()
  const broker = await Broker.start(realEnv, { directory: join(mount, 'data'), port: 0 })
  const clients = await Promise.all([0, 1, 2].map(() => WireClient.connect(realEnv, broker.port)))
  const [first, second, third] = clients
  try {
    if (first === undefined || second === undefined || third === undefined) throw new Error('three clients were asked for')
    await lanes.prepare(first)
    await makeTopic(first, 'filling', 1)
    const producer = await initProducer(first, null)
    await lanes.run([first, second, third], () => lanes.acknowledged.records > 100)
    const ballast = join(mount, 'ballast')
    writeFileSync(ballast, Buffer.alloc(70 * 1024 * 1024))
    await new Promise(resolve => void setTimeout(resolve, 300))
    let refusal = 'none'
    await send(first, 'filling', 0, ['while full'], { ...producer, baseSequence: 0 }).catch((error: unknown) => { refusal = String(error) })
    if (!refusal.includes('KAFKA_STORAGE_ERROR')) wrong.push(`a produce on a full disk was answered: ${refusal}`)
    if ((await readAll(first, 'plain', 0, 0)).length === 0) wrong.push('nothing could be read from a full disk')
    rmSync(ballast)
    await new Promise(resolve => void setTimeout(resolve, 300))
    const offset = await send(first, 'filling', 0, ['with space again'], { ...producer, baseSequence: 0 })
    if (offset !== 0) throw new WrongAnswer(`the first record after the disk was full got offset ${offset}`)
    await lanes.resume(first)
    wrong.push(...await lanes.verify(first))
  } catch (error) {
    wrong.push(String(error))
  } finally {
    for (const client of clients) client.close()
    await broker.close().catch((error: unknown) => void wrong.push(`the stop: ${String(error)}`))
    execFileSync('umount', [mount])
    rmSync(mount, { recursive: true, force: true })
  }
  return { count: 1, wrong, figures: { records: lanes.acknowledged.records } }
}
