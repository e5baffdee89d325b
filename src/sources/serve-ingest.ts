/** `serveIngest(…)`: `ingest` with a server of its own, of which it takes nothing over but its address. */
import { serve } from '@hono/node-server'
import { MillraceError } from '../base/errors.ts'
import { ingest, type Ingest, type IngestOptions } from './ingest.ts'

export interface ServeIngestOptions<K, V> extends IngestOptions<K, V> {
  /** 0: a free one. */
  readonly port: number
  /** Default 127.0.0.1. Another one needs `allows`. */
  readonly host?: string | undefined
}

export interface IngestServer extends Omit<Ingest, 'fetch'> {
  readonly url: string
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

/** Rejects with `PORT_IN_USE`, `CONNECTION_FAILED`, and with `CONFIG_INVALID` where anybody could write. */
export async function serveIngest<K, V>(options: ServeIngestOptions<K, V>): Promise<IngestServer> {
  const { host = '127.0.0.1', port } = options
  if (!LOOPBACK.test(host) && options.allows === undefined) throw new MillraceError('CONFIG_INVALID', `ingest on ${host} is open to other machines: say who may write, with \`allows\`, or leave \`host\` out.`)
  const running = await ingest(options)
  try {
    const { server, bound } = await new Promise<{ server: ReturnType<typeof serve>; bound: number }>((resolve, reject) => {
      const starting = serve({ fetch: running.fetch, hostname: host, port, serverOptions: { headersTimeout: 10_000, requestTimeout: 60_000, maxHeaderSize: 16_384 } }, info => resolve({ server: starting, bound: info.port }))
      starting.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new MillraceError('PORT_IN_USE', `Port ${port} of ${host} is in use. Give another one.`, { cause: error }) : error))
    })
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`,
      get accepted() { return running.accepted },
      async close() {
        await new Promise<void>(resolve => { server.close(() => resolve()) })
        await running.close()
      },
    }
  } catch (error) {
    await running.close()
    throw error
  }
}
