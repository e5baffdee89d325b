/** A ZooKeeper of one server, from the jars of an installed distribution that brings one: Samza as it is, Storm within its own packages. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realEnv } from '../../src/env/real/env.ts'
import { openEngineStore } from '../../src/engines/install/store.ts'
import { freePorts } from './kafka.ts'
import { ENGINES } from './need.ts'
import { startProcess } from './processes.ts'

const TICK_MS = 1_000
const MAIN = 'org.apache.zookeeper.server.ZooKeeperServerMain'
const MAINS = { 'samza@1.8': MAIN, 'storm@2.8': `org.apache.storm.shade.${MAIN}` } as const

export interface ZooKeeper {
  /** `127.0.0.1:PORT`. */
  readonly connect: string
  stop(): Promise<void>
}

export async function startZooKeeper(distribution: keyof typeof MAINS): Promise<ZooKeeper> {
  const { classpath } = openEngineStore(realEnv.disk, { MILLRACE_ENGINES: ENGINES }).installation(distribution)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-zookeeper-'))
  const [port = 0] = await freePorts(1)
  const settings = join(directory, 'zoo.cfg')
  writeFileSync(settings, `tickTime=${TICK_MS}\ndataDir=${join(directory, 'data')}\nclientPort=${port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n`)
  const server = startProcess('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', classpath.join(':'), MAINS[distribution], settings])
  try {
    await answers(port, server.exited)
  } catch (error) {
    await server.kill('SIGKILL')
    throw error
  }
  return {
    connect: `127.0.0.1:${port}`,
    async stop() {
      await server.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answers(port: number, exited: Promise<{ readonly stdout: string, readonly stderr: string }>): Promise<void> {
  let ended: string | undefined
  void exited.then(({ stdout, stderr }) => { ended = stdout + stderr })
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    if (ended !== undefined) break
    try {
      const socket = await realEnv.network.connect({ host: '127.0.0.1', port, timeoutMs: 1_000 })
      socket.destroy()
      return
    } catch {
      await realEnv.clock.sleep(200)
    }
  }
  throw new Error(`ZooKeeper does not answer at port ${port}: ${ended ?? 'it is silent'}`)
}
