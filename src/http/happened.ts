/** What the page tells in "What happened": a kind with its values, so that it can say it in its reader's language. */
export const HAPPENED_KINDS = ['killed', 'ended', 'back', 'restored', 'broken', 'recovered', 'guard_on', 'guard_off', 'port_taken', 'client_came', 'client_left', 'client_refused', 'job_started', 'job_stopped', 'job_scaled', 'job_failed', 'job_unclean', 'note'] as const
export type HappenedKind = typeof HAPPENED_KINDS[number]

export interface Happened {
  readonly kind: HappenedKind
  readonly values: Readonly<Record<string, string | number>>
}

export interface ShownEvent extends Happened {
  /** Epoch milliseconds. */
  readonly at: number
  /** In English, as in the log. */
  readonly text: string
}
