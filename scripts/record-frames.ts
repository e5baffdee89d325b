/**
 * A TCP proxy that records the frames of real clients and a real broker, for the fixtures under test/fixtures/frames.
 *
 *   node dist/scripts/record-frames.js --client kcat --listen 19392 --to 127.0.0.1:19092
 *
 * It runs until it gets SIGTERM or SIGINT, then writes `<client>.jsonl.gz`, one JSON object a line: `k` API key, `v` version,
 * `d` direction (`q` request, `p` response), `f` the frame without its size in base64, `n` the
 * API's name for readers.
 *
 * A broker tells its clients its own address, by which they would go around the proxy: in what is forwarded (not in what is
 * recorded) that port is replaced by the proxy's. Recorded as they came, with one exception: absolute paths of the
 * broker's machine (log directories) are overwritten by as many `x`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { APIS } from '../src/wire/apis/index.ts'
import { decodeRequestHeader, decodeResponse, decodeResponseHeader, encodeResponse } from '../src/wire/frames.ts'

/** Frames kept for one API, version and direction; further ones teach nothing new. */
const FRAMES_MAX = 5
/** A larger frame is kept only where it is the first of its kind … */
const FRAME_BYTES_MAX = 3_000
/** … and up to here. */
const FIRST_FRAME_BYTES_MAX = 16_000

const { values } = parseArgs({
  options: {
    client: { type: 'string' },
    listen: { type: 'string', default: '19392' },
    to: { type: 'string', default: '127.0.0.1:19092' },
    out: { type: 'string', default: join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'test', 'fixtures', 'frames') },
  },
})
const client = values.client ?? 'unnamed'
const [targetHost = '127.0.0.1', targetPort = '19092'] = values.to.split(':')
const kept = new Map<string, { readonly line: string, readonly bytes: number }[]>()

const server = createServer(socket => new ProxyConnection(socket))
server.listen(Number(values.listen), '127.0.0.1', () => console.log(`recording ${client} on 127.0.0.1:${values.listen}, to ${values.to}`))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, finish)

class ProxyConnection {
  readonly #asked = new Map<number, { readonly key: number, readonly version: number }>()
  readonly #client: Socket
  readonly #broker: Socket

  constructor(socket: Socket) {
    this.#client = socket
    this.#broker = connect(Number(targetPort), targetHost)
    for (const [from, to] of [[this.#client, this.#broker], [this.#broker, this.#client]] as const) {
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
    this.#client.on('data', frameSplitter(frame => this.#request(frame)))
    this.#broker.on('data', frameSplitter(frame => this.#response(frame)))
  }

  #request(frame: Buffer): void {
    const header = decodeRequestHeader(frame)
    this.#asked.set(header.correlationId, { key: header.apiKey, version: header.apiVersion })
    keep(header.apiKey, header.apiVersion, 'q', frame)
    send(this.#broker, frame)
  }

  #response(frame: Buffer): void {
    const { correlationId } = decodeResponseHeader(frame)
    const asked = this.#asked.get(correlationId)
    this.#asked.delete(correlationId)
    if (asked === undefined) return send(this.#client, frame)
    keep(asked.key, asked.version, 'p', frame)
    send(this.#client, withOwnPort(asked.key, asked.version, frame))
  }
}

/** Cuts a byte stream into frames, given without their size. */
function frameSplitter(onFrame: (frame: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0)
  return data => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 4 && rest.length - 4 >= rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      onFrame(Buffer.from(rest.subarray(4, end)))
      rest = rest.subarray(end)
    }
  }
}

function send(socket: Socket, frame: Buffer): void {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length, 0)
  socket.write(Buffer.concat([size, frame]))
}

function keep(key: number, version: number, direction: 'q' | 'p', frame: Buffer): void {
  const masked = withoutPaths(frame)
  const line = JSON.stringify({ n: APIS.get(key)?.name ?? 'unknown', k: key, v: version, d: direction, f: masked.toString('base64') })
  const kind = `${key} ${version} ${direction}`
  const frames = kept.get(kind) ?? []
  if (frames.length >= FRAMES_MAX || (frame.length > (frames.length > 0 ? FRAME_BYTES_MAX : FIRST_FRAME_BYTES_MAX))) return
  // Two frames of the same length differ most often in ids and offsets alone.
  if (frames.some(other => other.bytes === frame.length)) return
  frames.push({ line, bytes: frame.length })
  kept.set(kind, frames)
}

function withoutPaths(frame: Buffer): Buffer {
  const text = frame.toString('latin1').replace(/\/(?:home|opt|root|tmp|usr|var|work)\/[\w./-]*/g, path => `/${'x'.repeat(path.length - 1)}`)
  return Buffer.from(text, 'latin1')
}

function withOwnPort(key: number, version: number, frame: Buffer): Buffer {
  const api = APIS.get(key)
  if (api === undefined || ![0, 1, 3, 10, 60].includes(key) || version < api.versionMin || version > api.versionMax) return frame
  const { correlationId, reader } = decodeResponseHeader(frame)
  const body = decodeResponse(api, version, reader)
  replacePorts(body)
  return Buffer.concat(encodeResponse(api, version, correlationId, body)).subarray(4)
}

function replacePorts(value: unknown): void {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return
  if ('port' in value && value.port === Number(targetPort)) value.port = Number(values.listen)
  for (const inner of Object.values(value)) replacePorts(inner)
}

function finish(): void {
  const lines = [...kept.values()].flat().map(({ line }) => line).sort()
  mkdirSync(values.out, { recursive: true })
  const path = join(values.out, `${client}.jsonl.gz`)
  const packed = gzipSync(lines.map(line => `${line}\n`).join(''), { level: 9 })
  writeFileSync(path, packed)
  console.log(`${path}: ${lines.length} frames, ${packed.length} bytes`)
  process.exit(0)
}
