/**
 * The child's side of the supervisor's channel: says that it is ready, and ends when its supervisor is gone or asks for it.
 */

/** True where this process was started by a supervisor. */
export function isSupervised(): boolean {
  return process.send !== undefined
}

export function sayReady(details: Readonly<Record<string, unknown>>): void {
  process.send?.({ ready: details })
}

/** Resolves when this process is to end: by `signal` (Ctrl-C, SIGTERM), or because its supervisor's channel closed. */
export function untilAsked(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    // A pending promise alone does not keep a process alive; the work it stands for may be idle.
    const timer = setInterval(() => {}, 60_000)
    const end = (): void => { clearInterval(timer); resolve() }
    signal.addEventListener('abort', end)
    if (isSupervised()) process.once('disconnect', end)
  })
}
