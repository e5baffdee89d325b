/**
 * Keys with a window, in the layouts of Kafka's TimeWindowedSerializer and SessionWindowedSerializer:
 *
 *   time window   key bytes ‖ start (int64, big-endian)                the size is not in the bytes: the reader must know it
 *   session       key bytes ‖ end (int64) ‖ start (int64)
 */
import type { ByteWriter } from './byte-writer.ts'
import { int64 } from './number.ts'
import { serdeError, type Serde } from './serde.ts'
import { Windowed } from './windowed.ts'

abstract class WindowedSerde<K> implements Serde<Windowed<K>> {
  abstract readonly kind: string
  readonly optional = false
  readonly inner: Serde<K>

  constructor(inner: Serde<K>) {
    this.inner = inner
  }

  abstract write(value: Windowed<K>, into: ByteWriter): void
  abstract deserialize(buffer: Buffer, start: number, end: number): Windowed<K>

  serialize(value: Windowed<K>): Buffer {
    return Buffer.concat([this.inner.serialize(value.key), this.suffix(value)])
  }

  protected abstract suffix(value: Windowed<K>): Buffer

  protected split(start: number, end: number, suffixBytes: number): number {
    if (end - start < suffixBytes) throw serdeError('', `a ${this.kind} key ends with ${suffixBytes} bytes of window, here are ${end - start}`)
    return end - suffixBytes
  }
}

class TimeWindowedSerde<K> extends WindowedSerde<K> {
  readonly kind = 'timeWindowed'
  readonly #sizeMs: number

  constructor(inner: Serde<K>, sizeMs: number) {
    super(inner)
    this.#sizeMs = sizeMs
  }

  write(value: Windowed<K>, into: ByteWriter): void {
    this.inner.write(value.key, into)
    int64.write(value.window.start, into)
  }

  protected suffix(value: Windowed<K>): Buffer {
    return int64.serialize(value.window.start)
  }

  deserialize(buffer: Buffer, start: number, end: number): Windowed<K> {
    const keyEnd = this.split(start, end, 8)
    const from = int64.deserialize(buffer, keyEnd, end)
    return new Windowed(this.inner.deserialize(buffer, start, keyEnd), { start: from, end: from + this.#sizeMs })
  }
}

class SessionWindowedSerde<K> extends WindowedSerde<K> {
  readonly kind = 'sessionWindowed'

  write(value: Windowed<K>, into: ByteWriter): void {
    this.inner.write(value.key, into)
    int64.write(value.window.end, into)
    int64.write(value.window.start, into)
  }

  protected suffix(value: Windowed<K>): Buffer {
    return Buffer.concat([int64.serialize(value.window.end), int64.serialize(value.window.start)])
  }

  deserialize(buffer: Buffer, start: number, end: number): Windowed<K> {
    const keyEnd = this.split(start, end, 16)
    const window = { start: int64.deserialize(buffer, keyEnd + 8, end), end: int64.deserialize(buffer, keyEnd, keyEnd + 8) }
    return new Windowed(this.inner.deserialize(buffer, start, keyEnd), window)
  }
}

/** Keys of rows of time windows of `sizeMs`, as Kafka's `TimeWindowedSerializer` writes them. */
export function timeWindowed<K>(key: Serde<K>, sizeMs: number): Serde<Windowed<K>> {
  return new TimeWindowedSerde(key, sizeMs)
}

/** Keys of rows of session windows, as Kafka's `SessionWindowedSerializer` writes them. */
export function sessionWindowed<K>(key: Serde<K>): Serde<Windowed<K>> {
  return new SessionWindowedSerde(key)
}
