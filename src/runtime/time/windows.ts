/** Arithmetic of windows (rules W1 and W4). A window is [start, end); times are whole milliseconds ≥ 0. */

/** Start of the first window of `sizeMs` every `advanceMs` that contains `time`; the others follow at `advanceMs`, up to `time` (W1). */
export function firstWindowStart(time: number, sizeMs: number, advanceMs: number): number {
  return Math.floor(Math.max(0, time - sizeMs + advanceMs) / advanceMs) * advanceMs
}

/** Starts of all windows that contain `time`. */
export function windowStarts(time: number, sizeMs: number, advanceMs: number): number[] {
  const starts: number[] = []
  for (let start = firstWindowStart(time, sizeMs, advanceMs); start <= time; start += advanceMs) starts.push(start)
  return starts
}

/** Whether a window that ends at `end` has closed once time has reached `now`: the same comparison for accepting, for final results and for expiry (W1, W9). */
export function isClosed(end: number, now: number, graceMs: number): boolean {
  return end <= now - graceMs
}

/** The same for a session whose last record is at `end` (inclusive): it is over once it can no longer grow (W4, W9). */
export function isSessionClosed(end: number, now: number, gapMs: number, graceMs: number): boolean {
  return end < now - graceMs - gapMs
}
