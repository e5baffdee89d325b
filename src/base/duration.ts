/** Durations as people write them: `'10 seconds'`, `'30 minutes'`, `'7 days'`, `'250ms'`. */
import { MillraceError } from './errors.ts'

const UNITS = {
  ms: 1, millisecond: 1, milliseconds: 1,
  s: 1_000, second: 1_000, seconds: 1_000,
  m: 60_000, minute: 60_000, minutes: 60_000,
  h: 3_600_000, hour: 3_600_000, hours: 3_600_000,
  d: 86_400_000, day: 86_400_000, days: 86_400_000,
  week: 604_800_000, weeks: 604_800_000,
} as const

type Unit = keyof typeof UNITS

/** `'10 seconds'`, `'1 minute'`, `'250 ms'`, `'250ms'`, `'5m'`. A misspelt unit does not compile. */
export type Duration = `${number} ${Unit}` | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** Milliseconds of `duration`, whole and ≥ 0. Throws `CONFIG_INVALID` naming `what` and the unit that was probably meant. */
export function durationMs(duration: string, what = 'duration'): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*$/.exec(duration)
  if (match === null) throw new MillraceError('CONFIG_INVALID', `${what} '${duration}' is not a duration: write a number and a unit, such as '10 seconds', '5 minutes', '250ms'`)
  const [, count = '', word = ''] = match
  const unit = unitOf(word)
  if (unit === undefined) {
    throw new MillraceError('CONFIG_INVALID', `${what} '${duration}': '${word}' is not a unit of time, did you mean '${count} ${nearest(word, count === '1')}'?`)
  }
  const whole = Math.round(Number(count) * UNITS[unit])
  if (!Number.isSafeInteger(whole)) throw new MillraceError('CONFIG_INVALID', `${what} '${duration}' is too long`)
  return whole
}

const KNOWN_MAX = 1000
const known = new Map<string, number>()

/** Milliseconds of a duration, for use inside user functions: `timers.set(time + ms('1 hour'))`. Remembers what it has read. */
export function ms(duration: Duration): number {
  const before = known.get(duration)
  if (before !== undefined) return before
  const count = durationMs(duration)
  if (known.size < KNOWN_MAX) known.set(duration, count)
  return count
}

function unitOf(word: string): Unit | undefined {
  // Own keys only: `constructor` is no unit.
  return Object.hasOwn(UNITS, word) ? word as Unit : undefined
}

function nearest(word: string, one: boolean): string {
  const names = Object.keys(UNITS).filter(name => name.length > 2 && name.endsWith('s') !== one)
  const distances = names.map(name => ({ name, distance: editDistance(word.toLowerCase(), name) }))
  return distances.reduce((best, each) => each.distance < best.distance ? each : best).name
}

/** Levenshtein distance. */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[right.length] ?? 0
}
