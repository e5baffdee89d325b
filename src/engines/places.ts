/** Servers of others that an engine is told of. */

export interface Place {
  readonly host: string
  readonly port: number
}

/** Of `host:port[,host:port …]`; none where it is not that. */
export function placesOf(text: string): readonly Place[] {
  const places = text.split(',').map(server => /^(.+):(\d+)$/.exec(server.trim()))
  return places.every(place => place !== null) ? places.map(([, host = '', port]) => ({ host, port: Number(port) })) : []
}

/** Resolves when one of `places` takes a connection by `reach`; rejects with the last reason why not. */
export async function reachOne(places: readonly Place[], reach: (host: string, port: number) => Promise<void>): Promise<void> {
  let failure: unknown
  for (const { host, port } of places) {
    try {
      return await reach(host, port)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
