/**
 * The child's side of the supervisor's channel: says that it is ready, and ends when its supervisor is gone or asks for it.
 */

/** True where this process was started by a supervisor. */
export function isSupervised(): boolean {
  return process.send !== undefined
}

export function sayReady(details: Readonly<Record<string, unknown>>): void {
  if (process.connected) process.send?.({ ready: details })
}

/** Aborted when this process is to end: by `signal` (Ctrl-C, SIGTERM), or because its supervisor's channel closed. Ask before anything that takes time. */
export function endSignal(signal: AbortSignal): AbortSignal {
  if (!isSupervised()) return signal
  const end = new AbortController()
  signal.addEventListener('abort', () => end.abort())
  process.once('disconnect', () => end.abort())
  // It may have happened before, while this process was loading.
  if (signal.aborted || !process.connected) end.abort()
  return end.signal
}

/** Resolves when this process is to end, as `endSignal` says. */
export function untilAsked(asked: AbortSignal): Promise<void> {
  const signal = endSignal(asked)
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    // A pending promise alone does not keep a process alive; the work it stands for may be idle.
    const timer = setInterval(() => {}, 60_000)
    const end = (): void => { clearInterval(timer); resolve() }
    signal.addEventListener('abort', end)
  })
}
