/**
 * The one place where runtime and broker meet: runs an app with an embedded broker when no cluster is named.
 *
 * The broker lives in this process, on a loopback port that any Kafka client may use. The app speaks to it in Kafka frames
 * over that port, as it would to a cluster: nothing in the job changes between the two.
 */
import { join } from 'node:path'
import { Broker } from './broker/broker.ts'
import type { Env } from './env/env.ts'
import { run, type RunningApp, type RunOptions } from './runtime/app.ts'
import type { AppDescription } from './topology/node.ts'

export interface EmbeddedOptions extends Omit<RunOptions, 'bootstrap' | 'env'> {
  /** The broker's port; 0 takes a free one. Rejects with `PORT_IN_USE` where it is taken. */
  readonly port: number
  readonly durability?: 'sync' | 'interval' | 'os' | undefined
}

/**
 * Starts a broker on `dataDirectory`/broker and the app on it; `close` ends both, the broker last.
 *
 * @example
 *   const running = await startEmbedded(realEnv, shop, { port: 9092, dataDirectory: '/var/lib/shop' })
 */
export async function startEmbedded(env: Env, app: AppDescription, options: EmbeddedOptions): Promise<RunningApp> {
  const { port, durability, ...runOptions } = options
  const broker = await Broker.start(env, { directory: join(options.dataDirectory, 'broker'), port, durability, logger: options.logger })
  try {
    const running = await run(app, { ...runOptions, dataDirectory: join(options.dataDirectory, 'state'), env, bootstrap: `127.0.0.1:${broker.port}` })
    return {
      name: running.name,
      bootstrap: running.bootstrap,
      // A broker whose disk failed has stopped: the app on it has failed with it.
      failed: Promise.race([running.failed, broker.failed]),
      status: () => running.status(),
      async close() {
        await running.close()
        await broker.close()
      },
    }
  } catch (error) {
    await broker.close()
    throw error
  }
}

