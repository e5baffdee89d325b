/**
 * How the sessions of one key that end in one bucket of time are kept: as one row of a window store whose start is the bucket's.
 *
 *   row = count (4 bytes), then per session: start (8) ‖ end (8) ‖ length (4) ‖ state
 *
 * Buckets are as wide as a session may stay open after its last record (gap + grace), so all sessions that a record can touch end in two
 * buckets: a lookup is two gets, and expiry is one range delete of whole buckets.
 */
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import { readTime, writeTime } from './layout.ts'

export interface Session {
  readonly start: number
  /** Time of the last record, inclusive. */
  readonly end: number
  readonly state: unknown
}

export const NO_SESSIONS: readonly Session[] = []

/** Start of the bucket of sessions that end at `end`. */
export function bucketOf(end: number, bucketMs: number): number {
  return Math.floor(end / bucketMs) * bucketMs
}

/** Serde of a row: `readonly Session[]`, ordered by end. */
export function sessionRows(state: Serde<unknown>): Serde<unknown> {
  return {
    kind: `sessions of ${state.kind}`,
    optional: false,
    serialize(value) {
      const writer = new ByteWriter()
      this.write(value, writer)
      return writer.toBuffer()
    },
    write(value, into) {
      const sessions = sessionsOf(value)
      into.reserve(4)
      into.buffer.writeUInt32BE(sessions.length, into.length)
      into.length += 4
      for (const session of sessions) {
        into.reserve(20)
        writeTime(into.buffer, into.length, session.start)
        writeTime(into.buffer, into.length + 8, session.end)
        const lengthAt = into.length + 16
        into.length += 20
        state.write(session.state, into)
        into.buffer.writeUInt32BE(into.length - lengthAt - 4, lengthAt)
      }
    },
    deserialize(buffer, start) {
      const sessions: Session[] = []
      let at = start + 4
      for (let left = buffer.readUInt32BE(start); left > 0; left--) {
        const stateAt = at + 20
        const end = stateAt + buffer.readUInt32BE(at + 16)
        sessions.push({ start: readTime(buffer, at), end: readTime(buffer, at + 8), state: state.deserialize(buffer, stateAt, end) })
        at = end
      }
      return sessions
    },
  }
}

/** The sessions of a row's value. */
export function sessionsOf(value: unknown): readonly Session[] {
  // Rows of session stores get their values from the session operator and from the serde above only.
  return (value as readonly Session[] | undefined) ?? NO_SESSIONS
}
