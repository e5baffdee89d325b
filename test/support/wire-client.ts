/**
 * A client of single requests, in any version, over any `Env`: for tests that must say exactly what goes over the wire.
 */
import type { Env, Socket } from '../../src/env/env.ts'
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { decodeResponse, decodeResponseHeader, encodeRequest } from '../../src/wire/frames.ts'
import { RecordCursor, walkBatches } from '../../src/wire/record-batch.ts'
import type { Api, RequestInput, ResponseOf } from '../../src/wire/schema.ts'

interface Pending {
  readonly api: Api
  readonly version: number
  readonly resolve: (body: unknown) => void
  readonly reject: (error: Error) => void
}

export class WireClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  readonly #clientId: string
  #received = Buffer.alloc(0)
  #correlationId = 0
  closed = false

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket
    this.#clientId = clientId
    socket.setHandlers({
      data: chunk => this.#onData(chunk),
      drain: () => { /* Tests send little. */ },
      close: () => {
        this.closed = true
        for (const { reject, api } of this.#pending.values()) reject(new Error(`the connection was closed before the answer to ${api.name}`))
        this.#pending.clear()
      },
    })
  }

  static async connect(env: Env, port: number, clientId = 'wire-client'): Promise<WireClient> {
    return new WireClient(await env.network.connect({ host: '127.0.0.1', port, timeoutMs: 30_000 }), clientId)
  }

  /** Sends now; resolves with the answer, rejects when the connection closes before it. */
  request<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>> {
    const correlationId = this.#correlationId++
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new Error(`the connection was closed before the request ${api.name}`))
      // Answers are decoded by this very API's table.
      this.#pending.set(correlationId, { api, version, resolve: answer => resolve(answer as ResponseOf<A>), reject })
      this.#socket.write(encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body))
    })
  }

  /** Sends bytes as they are. */
  raw(bytes: Buffer): void {
    this.#socket.write([bytes])
  }

  close(): void {
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const size = this.#received.readInt32BE(0)
      if (this.#received.length < size + 4) return
      const frame = this.#received.subarray(4, size + 4)
      this.#received = this.#received.subarray(size + 4)
      const { correlationId, reader } = decodeResponseHeader(frame)
      const pending = this.#pending.get(correlationId)
      // An answer to bytes that a test sent raw.
      if (pending === undefined) continue
      this.#pending.delete(correlationId)
      try {
        pending.resolve(decodeResponse(pending.api, pending.version, reader))
      } catch (error) {
        pending.reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }
}

export interface BatchProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly transactional?: boolean | undefined
}

/** A batch of text values without keys. */
export function textBatch(values: readonly string[], producer?: BatchProducer, timestamp = 1_700_000_000_000): Buffer {
  const builder = new BatchBuilder({})
  for (const value of values) builder.append(timestamp, null, Buffer.from(value))
  return builder.build(producer === undefined ? {} : producer)
}

/** The text values of fetched batches, control batches left out. */
export function textValues(records: Buffer | null): string[] {
  const values: string[] = []
  const cursor = new RecordCursor()
  for (const view of walkBatches(records ?? Buffer.alloc(0))) {
    if (view.isControl) continue
    view.records(cursor)
    while (cursor.next()) values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
  }
  return values
}

/** What a read_committed consumer makes of fetched batches: records of the listed aborted transactions are left out. */
export function committedValues(records: Buffer | null, abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[]): string[] {
  const values: string[] = []
  const cursor = new RecordCursor()
  const waiting = [...abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<number>()
  for (const view of walkBatches(records ?? Buffer.alloc(0))) {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= view.lastOffset) aborting.add(waiting.shift()?.producerId ?? -1)
    if (view.isControl) {
      aborting.delete(view.producerId)
      continue
    }
    if (view.isTransactional && aborting.has(view.producerId)) continue
    view.records(cursor)
    while (cursor.next()) values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
  }
  return values
}

/** All values of partition 0, in as many fetches as it takes. */
export async function readPartition(client: WireClient, topic: string, isolationLevel: 0 | 1): Promise<string[]> {
  const values: string[] = []
  for (let fetchOffset = 0; ;) {
    const { responses } = await client.request(fetch, 11, { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000_000 }] }] })
    const partition = responses[0]?.partitions[0]
    if (partition === undefined || partition.errorCode !== 0) throw new Error(`${topic} cannot be read: ${partition?.errorCode}`)
    values.push(...isolationLevel === 1 ? committedValues(partition.records, partition.abortedTransactions ?? []) : textValues(partition.records))
    const next = Math.max(-1, ...[...walkBatches(partition.records ?? Buffer.alloc(0))].map(view => view.lastOffset)) + 1
    if (next === 0) return values
    fetchOffset = next
  }
}
