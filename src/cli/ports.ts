/** Free ports: the wanted one, or the next that is free, said in one line. */
import { MillraceError } from '../base/errors.ts'
import type { Network } from '../env/env.ts'

const TRIES_MAX = 50

/** The first of `port`, `port + 1` … on which this process could listen; `port` 0 is left to the system. */
export async function nextFreePort(network: Network, host: string, port: number): Promise<number> {
  if (port === 0) return 0
  for (let candidate = port; candidate < port + TRIES_MAX; candidate++) {
    try {
      const listener = await network.listen({ host, port: candidate }, socket => socket.destroy())
      await listener.close()
      return candidate
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'PORT_IN_USE') throw error
    }
  }
  throw new MillraceError('PORT_IN_USE', `None of the ports ${port} to ${port + TRIES_MAX - 1} on ${host} is free. Stop what holds them, or choose a port.`)
}
