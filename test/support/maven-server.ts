/** A Maven repository on loopback that misbehaves as a test says: one entry of a file's script is one request for it. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { jarPath, type JarLock, type Manifest } from '../../src/engines/install/manifest.ts'

export type Behaviour =
  | { readonly kind: 'whole' }
  /** Sends this many bytes of what was asked for, then closes the connection. */
  | { readonly kind: 'cut', readonly after: number }
  /** Sends this many bytes, then nothing more. */
  | { readonly kind: 'silent', readonly after: number }
  | { readonly kind: 'status', readonly status: number, readonly retryAfter?: number }
  /** Other bytes of the same length. */
  | { readonly kind: 'wrong' }
  /** One byte more than locked; `announced` says so in its head. */
  | { readonly kind: 'longer', readonly announced: boolean }
  /** Ignores Range. */
  | { readonly kind: 'no-range' }

export interface MavenServer {
  readonly url: string
  /** `path` or `path from BYTE`, in the order of arrival. */
  readonly requests: string[]
  /** How many were answered at the same time at most. */
  readonly parallelMax: () => number
  readonly script: (jar: JarLock, ...behaviours: readonly Behaviour[]) => void
  /** Called at each request, before it is answered. */
  onRequest: (path: string) => void
  /** The first so many requests are answered when they have all arrived. */
  together: number
  close(): Promise<void>
}

/** Bytes that differ from place to place, so that a wrong offset shows. */
export function contentOf(name: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes)
  for (let at = 0, state = name.length + 1; at < bytes; at++) {
    state = (state * 1103515245 + 12345 + name.charCodeAt(at % name.length)) % 2147483648
    content[at] = state >>> 16 & 0xff
  }
  return content
}

export function jarOf(artifact: string, bytes: number, version = '1.0.0'): JarLock {
  const jar = { group: 'org.example', artifact, version, classifier: undefined, bytes }
  return { ...jar, sha256: createHash('sha256').update(contentOf(artifact, bytes)).digest('hex') }
}

export function manifestOf(name: string, jars: readonly JarLock[], version = '1.0.0'): Manifest {
  return { name, version, describe: name, java: 17, javaOptions: [], jars, wheels: [] }
}

export async function startMavenServer(jars: readonly JarLock[]): Promise<MavenServer> {
  const files = new Map(jars.map(jar => [`/${jarPath(jar)}`, contentOf(jar.artifact, jar.bytes)]))
  const scripts = new Map<string, Behaviour[]>()
  const requests: string[] = []
  const waiting: (() => void)[] = []
  let now = 0
  let most = 0
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    requests.push(`${path.split('/').pop()}${from > 0 ? ` from ${from}` : ''}`)
    maven.onRequest(path)
    most = Math.max(most, ++now)
    response.on('close', () => now--)
    const content = files.get(path)
    waiting.push(() => {
      if (content === undefined) response.writeHead(404).end()
      else answer(request, response, content, from, scripts.get(path)?.shift() ?? { kind: 'whole' })
    })
    if (requests.length >= maven.together) for (const reply of waiting.splice(0)) reply()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const maven: MavenServer = {
    url: `http://127.0.0.1:${port}`, requests, parallelMax: () => most, onRequest: () => undefined, together: 0,
    script: (jar, ...behaviours) => void scripts.set(`/${jarPath(jar)}`, [...behaviours]),
    close: () => new Promise(resolve => { server.close(() => resolve()); server.closeAllConnections() }),
  }
  return maven
}

function answer(request: IncomingMessage, response: ServerResponse, content: Buffer, from: number, behaviour: Behaviour): void {
  const ranged = from > 0 && behaviour.kind !== 'no-range'
  const bytes = behaviour.kind === 'wrong' ? Buffer.from(content.map(byte => byte ^ 1)) : behaviour.kind === 'longer' ? Buffer.concat([content, Buffer.from('!')]) : content
  const body = ranged ? bytes.subarray(from) : bytes
  if (behaviour.kind === 'status') {
    response.writeHead(behaviour.status, behaviour.retryAfter === undefined ? {} : { 'retry-after': String(behaviour.retryAfter) }).end()
    return
  }
  const announced = behaviour.kind === 'longer' && !behaviour.announced ? {} : { 'content-length': String(body.length) }
  response.writeHead(ranged ? 206 : 200, { ...announced, ...(ranged ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}) })
  if (behaviour.kind === 'cut') response.write(body.subarray(0, behaviour.after), () => request.socket.destroy())
  else if (behaviour.kind === 'silent') response.write(body.subarray(0, behaviour.after))
  else response.end(body)
}
