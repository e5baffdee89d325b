/** Node's clock, timers and randomness. */
import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../env.ts'

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs, options) {
    const timer = setTimeout(callback, delayMs)
    if (options?.background === true) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  defer: callback => void setImmediate(callback),
  sleep: delayMs => new Promise(resolve => setTimeout(resolve, delayMs)),
}

export const realRandom: Random = {
  next: () => Math.random(),
  bytes: count => randomBytes(count),
}
