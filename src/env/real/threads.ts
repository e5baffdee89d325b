/**
 * Worker threads: the one place that starts them and speaks with them.
 *
 * TH1. A thread ends by itself when its port is closed and nothing is left to do; it is never terminated (LMDB may be open in it).
 */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'

/** Messages are structured clones. */
export interface ThreadPort {
  post(message: unknown): void
  onMessage(callback: (message: unknown) => void): void
  close(): void
}

export interface Thread extends ThreadPort {
  /** Resolves when the thread has ended; rejects with the error that ended it. */
  readonly ended: Promise<void>
}

export function startThread(module: URL, data: unknown): Thread {
  const worker = new Worker(module, { workerData: data })
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
  ended.catch(() => {}) // Whoever waits for it sees it.
  return {
    ended,
    post: message => worker.postMessage(message),
    onMessage: callback => void worker.on('message', callback),
    close: () => worker.unref(),
  }
}

/** In a thread: what it was started with, and the way to whoever started it. */
export function currentThread(): ThreadPort & { readonly data: unknown } {
  const port = parentPort
  assert(port !== null, 'this module is not running in a worker thread')
  return {
    data: workerData,
    post: message => port.postMessage(message),
    onMessage: callback => void port.on('message', callback),
    close: () => port.close(),
  }
}
