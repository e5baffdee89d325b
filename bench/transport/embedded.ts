/** The embedded broker for a measurement: a process of its own, on loopback, its data where it is told, acknowledged as Apache Kafka's are: when the system has them. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, realEnv } from 'millrace/client'
import { mkdirSync } from 'node:fs'
import { freePorts } from '../../test/support/kafka.ts'
import { startChild } from '../harness/child.ts'
import { ROOT } from '../harness/places.ts'

const SERVES_MS_MAX = 30_000

export async function startEmbedded(directory: string): Promise<{ readonly bootstrap: string, readonly pid: number, stop(): Promise<void> }> {
  mkdirSync(directory, { recursive: true })
  const [port = 0] = await freePorts(1)
  const bootstrap = `127.0.0.1:${port}`
  const child = startChild(process.execPath, [join(ROOT, 'dist', 'src', 'cli', 'main.js'), 'broker', 'start', '--port', String(port), '--data', join(directory, 'data'), '--durability', 'os'], { log: join(directory, 'said.log') })
  for (const deadline = Date.now() + SERVES_MS_MAX; ;) {
    try {
      await (await Cluster.connect(realEnv, { bootstrap, clientId: 'transport' })).close()
      return { bootstrap, pid: child.pid, stop: () => child.end(10_000) }
    } catch (error) {
      if (!child.isAlive() || Date.now() > deadline) throw new Error(`the embedded broker does not serve:\n${child.lastWords()}`, { cause: error })
      await sleep(100)
    }
  }
}
