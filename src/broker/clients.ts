/**
 * Who is connected, what they do with which topics, and what was refused: for the status page, `describe()` and `doctor`.
 *
 * C1. Names of clients come from the network: whoever shows them escapes them, and each kind of list here has a limit.
 * C2. A client that has gone stays in `activity()` for `GONE_MS`: one that only asked for the metadata is connected for milliseconds.
 * C3. `onChange` is called when `activity()` has changed or `refusals()` has one more, never for a request like the ones before it.
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

/** A client as people think of one: all connections that give the same id and software. */
export interface ClientActivity {
  readonly clientId: string
  readonly softwareName: string
  readonly softwareVersion: string
  /** Topics, in the order in which they were first used. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Consumer groups that it joined. */
  readonly groups: readonly string[]
  /** 0: it has gone. */
  readonly connections: number
  /** Epoch milliseconds of its last connection's end; `null` while it has one. */
  readonly goneAt: number | null
}

/** What is told of clients while a broker runs. */
export interface ClientsSeen {
  readonly clients: readonly ClientActivity[]
  readonly refused: readonly RefusedRequest[]
}

/** A request that is not served; the same one asked again is counted, not listed again. */
export interface RefusedRequest {
  readonly apiKey: number
  readonly apiName: string
  readonly version: number
  readonly software: string
  count: number
}

export type ClientUse = 'reads' | 'writes' | 'groups'

interface Connected {
  readonly client: ClientDescription
  readonly uses: Readonly<Record<ClientUse, Set<string>>>
}

export const GONE_MS = 15_000
const REFUSED_MAX = 100
const GONE_MAX = 64
const NAMES_MAX = 64

export class Clients {
  onChange: (() => void) | undefined
  /** Called when something is refused that was not refused before. */
  onRefused: (() => void) | undefined
  readonly #now: () => number
  readonly #connected = new Map<number, Connected>()
  #gone: (Connected & { readonly goneAt: number })[] = []
  readonly #refused = new Map<string, RefusedRequest>()

  /** `now`: the wall clock, epoch milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  opened(client: ClientDescription): void {
    this.#connected.set(client.connectionId, { client, uses: { reads: new Set(), writes: new Set(), groups: new Set() } })
  }

  closed(connectionId: number): void {
    const connected = this.#connected.get(connectionId)
    if (connected === undefined || !this.#connected.delete(connectionId) || connected.client.requests === 0) return
    const goneAt = this.#now()
    this.#gone = [...this.#gone.filter(gone => gone.goneAt > goneAt - GONE_MS), { ...connected, goneAt }].slice(-GONE_MAX)
    this.onChange?.()
  }

  get(connectionId: number): ClientDescription | undefined {
    return this.#connected.get(connectionId)?.client
  }

  /** Its first request has told who it is, or ApiVersions has told more. */
  identified(): void {
    this.onChange?.()
  }

  /** Called with each request of a kind: only the first use of a name does anything. */
  uses(connectionId: number, use: ClientUse, name: string): void {
    const names = this.#connected.get(connectionId)?.uses[use]
    if (names === undefined || names.has(name) || names.size >= NAMES_MAX) return
    names.add(name)
    this.onChange?.()
  }

  refused(client: ClientDescription, apiKey: number, apiName: string, version: number): void {
    const software = client.softwareName === '' ? client.clientId : `${client.softwareName} ${client.softwareVersion}`
    const key = `${apiKey} ${version} ${software}`
    const known = this.#refused.get(key)
    if (known !== undefined) known.count += 1
    else if (this.#refused.size < REFUSED_MAX) {
      this.#refused.set(key, { apiKey, apiName, version, software, count: 1 })
      this.onRefused?.()
      this.onChange?.()
    }
  }

  list(): ClientDescription[] {
    return [...this.#connected.values()].map(({ client }) => client)
  }

  /** In the order in which they came; those that have gone first. */
  activity(): ClientActivity[] {
    const since = this.#now() - GONE_MS
    const byName = new Map<string, ClientActivity>()
    for (const { client, uses, goneAt } of [...this.#gone.filter(gone => gone.goneAt > since), ...[...this.#connected.values()].map(connected => ({ ...connected, goneAt: null }))]) {
      if (client.requests === 0) continue
      const { clientId, softwareName, softwareVersion } = client
      const key = JSON.stringify([clientId, softwareName, softwareVersion])
      const known = byName.get(key)
      byName.set(key, {
        clientId, softwareName, softwareVersion,
        reads: union(known?.reads, uses.reads), writes: union(known?.writes, uses.writes), groups: union(known?.groups, uses.groups),
        connections: (known?.connections ?? 0) + (goneAt === null ? 1 : 0),
        goneAt: goneAt === null ? null : Math.max(goneAt, known?.goneAt ?? 0),
      })
    }
    return [...byName.values()]
  }

  refusals(): RefusedRequest[] {
    return [...this.#refused.values()]
  }
}

function union(known: readonly string[] | undefined, names: ReadonlySet<string>): readonly string[] {
  return [...new Set([...known ?? [], ...names])]
}
