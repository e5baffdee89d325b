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

/** `count` free ports, no two alike: from `port` on, taken ones left out; with `port` 0 the system's choice. */
export async function freePorts(network: Network, host: string, port: number, count: number): Promise<number[]> {
  if (port === 0) {
    // All are held until all are known.
    const listeners = await Promise.all(Array.from({ length: count }, () => network.listen({ host, port: 0 }, socket => socket.destroy())))
    await Promise.all(listeners.map(listener => listener.close()))
    return listeners.map(listener => listener.port)
  }
  const ports: number[] = []
  while (ports.length < count) ports.push(await nextFreePort(network, host, (ports.at(-1) ?? port - 1) + 1))
  return ports
}
