/** A prediction and its cause in words, for the command line; the page has them in two languages of its own. */
import { unreachable } from '../base/assert.ts'
import type { CatchUp, LagCause } from './catch-up.ts'

export function catchUpText({ verdict, seconds, cause }: CatchUp): string {
  switch (verdict) {
    case 'caughtUp': return '-'
    case 'in': return `≈ ${secondsText(seconds ?? 0)}${cause?.kind === 'stopped' || cause?.kind === 'failed' ? ' once it runs' : ''}`
    case 'never': return 'never at this rate'
    case 'unknown': return 'n/a'
    default: return unreachable(verdict)
  }
}

export function secondsText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

export function causeText(cause: LagCause | null): string {
  if (cause === null) return '-'
  const share = cause.share === null ? '' : ` (${Math.round(cause.share * 100)} % of its time)`
  const what = cause.what === null ? '' : `: ${cause.what}`
  switch (cause.kind) {
    case 'slow': return `the task itself${share}`
    case 'broker': return `waits for the broker${share}`
    case 'commit': return `held up by its commits${share}`
    case 'output': return `back-pressure by what takes its output${share}`
    case 'stopped': return 'stopped: nobody runs it'
    case 'failed': return 'failed'
    case 'restoring': return `restoring its state${what}`
    case 'rebalancing': return 'its shards change hands'
    case 'unowned': return `nobody has${what.slice(1)}`
    case 'held': return `an open transaction holds the last stable offset${what}`
    default: return unreachable(cause.kind)
  }
}
