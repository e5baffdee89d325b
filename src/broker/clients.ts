/**
 * Who is connected and what was refused: for the status page, `describe()` and `doctor`.
 *
 * Names of clients come from the network: whoever shows them escapes them.
 */
export interface ClientDescription {
  readonly connectionId: number
  readonly remoteAddress: string
  readonly connectedAtMs: number
  clientId: string
  /** From ApiVersions v3 on, else empty. */
  softwareName: string
  softwareVersion: string
  requests: number
}

/** A request that is not served; the same one asked again is counted, not listed again. */
export interface RefusedRequest {
  readonly apiKey: number
  readonly apiName: string
  readonly version: number
  readonly software: string
  count: number
}

const REFUSED_MAX = 100

export class Clients {
  readonly #connected = new Map<number, ClientDescription>()
  readonly #refused = new Map<string, RefusedRequest>()

  opened(client: ClientDescription): void {
    this.#connected.set(client.connectionId, client)
  }

  closed(connectionId: number): void {
    this.#connected.delete(connectionId)
  }

  get(connectionId: number): ClientDescription | undefined {
    return this.#connected.get(connectionId)
  }

  refused(client: ClientDescription, apiKey: number, apiName: string, version: number): void {
    const software = client.softwareName === '' ? client.clientId : `${client.softwareName} ${client.softwareVersion}`
    const key = `${apiKey} ${version} ${software}`
    const known = this.#refused.get(key)
    if (known !== undefined) known.count += 1
    else if (this.#refused.size < REFUSED_MAX) this.#refused.set(key, { apiKey, apiName, version, software, count: 1 })
  }

  list(): ClientDescription[] {
    return [...this.#connected.values()]
  }

  refusals(): RefusedRequest[] {
    return [...this.#refused.values()]
  }
}
