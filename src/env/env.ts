/**
 * The seam between Millrace and the world: clock, randomness, disk, network, as interfaces.
 *
 * Everything in `log`, `broker`, `client` and `runtime` takes an `Env` in its constructor and touches the world through
 * it alone, so that the whole system runs on a simulated clock, disk and network (`src/testing/sim`) unchanged.
 *
 * N1. `src/env/real/` is the only folder that imports `node:fs`, `node:net`, timers or `worker_threads`
 *     (`http/`, `cli/`, `demo/` and `scripts/` are hosts, not parts, and may use Node directly).
 * N2. Nothing here is asynchronous that need not be: page-cache reads and writes are synchronous, an fsync is not.
 * N3. A callback is never called from inside the call that registered it.
 */

export interface Env {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
}

export interface Clock {
  /** Wall clock, epoch milliseconds, whole. */
  now(): number
  /** Milliseconds that never go back, with fractions. */
  monotonic(): number
  /** Calls `callback` once, after at least `delayMs`. A timer does not keep the process alive by itself when `background`. */
  setTimer(callback: () => void, delayMs: number, options?: { readonly background?: boolean }): Timer
  /** Calls `callback` after pending I/O had its turn (Node's `setImmediate`). */
  defer(callback: () => void): void
  sleep(delayMs: number): Promise<void>
}

export interface Timer {
  cancel(): void
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** `count` random bytes, fit for identifiers. */
  bytes(count: number): Buffer
}

export type FileMode = 'read' | 'write' | 'create' | 'new'

/**
 * Disk. Paths are absolute. Sync calls work on the page cache; `datasync` and `syncDirectory` make it durable.
 * Errors are Node's own (`ENOENT`, `ENOSPC`, `EIO` …); `log` gives them meaning.
 */
export interface Disk {
  /** `read`: must exist. `write`: read and write, must exist. `create`: read and write, made if absent (mode 0600). `new`: the same, and it must be absent (`EEXIST`): of several that ask one gets it. */
  open(path: string, mode: FileMode): DiskFile
  exists(path: string): boolean
  size(path: string): number
  /** Who may do what with the file: the lowest nine bits of its mode, 0o600 being its owner alone. */
  permissions(path: string): number
  makeDirectory(path: string): void
  /** Names in the directory, sorted by code point. */
  list(path: string): string[]
  rename(from: string, to: string): void
  unlink(path: string): void
  removeTree(path: string): void
  /** Makes creations, renames and deletions in `path` durable. */
  syncDirectory(path: string): Promise<void>
  freeBytes(path: string): number
  /** Takes an exclusive lock for this process's life; `undefined` where another holds it. */
  lock(path: string): Promise<DiskLock | undefined>
}

export interface DiskFile {
  readonly path: string
  size(): number
  /** Reads up to `length` bytes at `position` into `target` from `offset` on; returns how many, 0 at the end of the file. */
  read(target: Buffer, offset: number, length: number, position: number): number
  /** Writes all of `data` at `position`, or throws; after a throw some prefix may have been written. */
  write(data: Buffer, position: number): void
  truncate(size: number): void
  datasync(): Promise<void>
  close(): void
}

export interface DiskLock {
  release(): void
}

export interface Network {
  /** Rejects with `MillraceError` `PORT_IN_USE` where the port is taken; port 0 takes a free one. */
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener>
  /** Rejects with `MillraceError` `CONNECTION_FAILED`, or `TLS_FAILED` where the handshake cannot succeed as things are. */
  connect(options: ConnectOptions): Promise<Socket>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Connections are handed over when their TLS handshake is done; one that fails it is told to `onRefused`. */
  readonly tls?: TlsServerOptions | undefined
  readonly onRefused?: ((remoteAddress: string, reason: string) => void) | undefined
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly tls?: TlsClientOptions | undefined
}

/** PEM text throughout. TLS 1.2 is the oldest version taken. */
export interface TlsServerOptions {
  /** The certificate, and those between it and its root. */
  readonly cert: string
  readonly key: string
  readonly passphrase?: string | undefined
  /** Whose signatures on a client's certificate are believed. */
  readonly ca?: string | undefined
  /** `requested`: a client may come without a certificate, but not with one that is not believed. Default `none`. */
  readonly clientAuth?: 'none' | 'requested' | 'required' | undefined
}

/** Plain data, so that a thread can be given it. */
export interface TlsClientOptions {
  /** Whose signatures are believed, PEM; without it those that Node believes. */
  readonly ca?: string | undefined
  /** The client's own certificate and key, PEM. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Both in one PKCS #12 file, instead of `cert` and `key`. */
  readonly pfx?: Uint8Array | undefined
  readonly passphrase?: string | undefined
  /** Default true: the certificate must name the host that was connected to. */
  readonly verifyHost?: boolean | undefined
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting; open sockets stay. */
  close(): Promise<void>
}

/** A byte stream. `handlers` must be set in the turn in which the socket was received. */
export interface Socket {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly localPort: number
  /** Of a TLS connection; `undefined` in plain text. */
  readonly tls?: SocketTls | undefined
  setHandlers(handlers: SocketHandlers): void
  /**
   * Queues chunks in order; they must not be changed afterwards, or until `onTaken` where it is called: then the system has copied all of them. It never is where they
   * are handed on as they are (a network in memory), or where the connection ends first. `false`: over the high-water mark, wait for `drain`.
   */
  write(chunks: readonly Buffer[], onTaken?: () => void): boolean
  /** Bytes queued and not yet taken by the system. */
  readonly bytesQueued: number
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  destroy(): void
}

export interface SocketTls {
  /** The host name that the client asked for (SNI). */
  readonly serverName: string | undefined
  /** Distinguished name of the peer's verified certificate, as RFC 2253 writes it: `CN=alice,O=mill`. */
  readonly peerName: string | undefined
}

export interface SocketHandlers {
  /**
   * Where the next bytes had best be put, at least one; asked again for each read. Without it, or from a socket that cannot (TLS, a network in memory), each chunk comes in
   * memory of its own.
   */
  space?(): Buffer
  /** `chunk` is the front of what `space` gave last, or belongs to the receiver from now on: then the socket never writes to it again. */
  data(chunk: Buffer): void
  drain(): void
  /** Called exactly once, with the reason where it was not a clean end. Nothing is called after it. */
  close(error: Error | undefined): void
}
