/**
 * How a stream is sent through a topology so that what comes out follows from the stream alone.
 *
 * P1. Slices: all events of a slice are sent, then awaited in `recs`; only then a mark is sent, which makes the tables publish; only when the tables
 *     have reached the mark comes the next slice. What changes is published a slice's length later in event time, so never within a slice: a slice is answered from the lists of the slices before it, whatever runs faster.
 * P2. The scored day is sent event by event; earlier days in slices of event time.
 *     Baskets are never: there the first event of each slice is sent alone, so that its latency is known. That changes no list: nothing is published within a slice.
 * P3. A frozen model is trained without pacing (its answers are not scored), marked once, then asked.
 */
import type { StreamEvent } from '../data/stream.ts'

/**
 * When the mark after an event comes: behind all that the event makes due (a slice's length after it), and before what the next event makes due, which is 2 ms
 * later or more (R1 of data/stream.ts).
 */
export function markAfter(at: number, sliceMs: number): number {
  return at + sliceMs + 1
}

/** A topology that is being replayed to. */
export interface Replayed {
  /** Sends events, and waits until `recs` has an answer to each. */
  answer(events: readonly StreamEvent[], options: { readonly frozen: boolean }): Promise<void>
  /** Makes everything published that is due by `time`, and waits until the tables have it. `at` is the time of the last event. */
  mark(time: number, at: number): Promise<void>
}

export const SLICE_MS = 10 * 60_000

export interface PaceOptions {
  readonly sliceMs: number
  /** From which event time on each event is a slice of its own. */
  readonly singlyFrom: number
  readonly onProgress: (sent: number) => void
  /** Send the first event of each slice alone, and wait for its list. */
  readonly isFirstAlone?: boolean
}

export async function pace(events: readonly StreamEvent[], replayed: Replayed, options: PaceOptions): Promise<void> {
  let start = 0
  while (start < events.length) {
    const first = events[start]
    if (first === undefined) break
    let end = start + 1
    if (first.at < options.singlyFrom) {
      const sliceEnd = Math.min(options.singlyFrom, (Math.floor(first.at / options.sliceMs) + 1) * options.sliceMs)
      while (end < events.length && (events[end]?.at ?? sliceEnd) < sliceEnd) end += 1
    }
    const alone = options.isFirstAlone === true && end - start > 1 ? 1 : 0
    if (alone > 0) await replayed.answer([first], { frozen: false })
    await replayed.answer(events.slice(start + alone, end), { frozen: false })
    const last = events[end - 1]?.at ?? first.at
    await replayed.mark(markAfter(last, options.sliceMs), last)
    start = end
    options.onProgress(end)
  }
}
