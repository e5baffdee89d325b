/**
 * Chromium without a window, driven over the DevTools protocol: opens pages, evaluates in them, and tells which requests they made.
 *
 * One process per `Chromium`, in a folder of its own that is removed with it. Nothing is fetched from outside: background networking is off.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--remote-debugging-port=0']
const START_MS = 20_000

export class Chromium {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #port: number

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child
    this.#folder = folder
    this.#port = port
  }

  static async start(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-chromium-'))
    // A process group of its own: `close` can then wait for the last of its helpers.
    const child = spawn('chromium', [...FLAGS, `--user-data-dir=${folder}`, 'about:blank'], { stdio: 'ignore', detached: true })
    const deadline = Date.now() + START_MS
    for (;;) {
      const port = portIn(folder)
      if (port !== undefined) return new Chromium(child, folder, port)
      if (Date.now() > deadline || child.exitCode !== null) {
        child.kill('SIGKILL')
        throw new Error('chromium did not open its debugging port')
      }
      await sleep(50)
    }
  }

  /** A page of its own, with the size of a desktop or a phone. */
  async open(url: string, size: { readonly width: number; readonly height: number; readonly isPhone?: boolean } = { width: 1440, height: 1000 }): Promise<Page> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/json/new?about:blank`, { method: 'PUT' })
    // The DevTools protocol's description of a target.
    const { webSocketDebuggerUrl } = await answer.json() as { webSocketDebuggerUrl: string }
    const page = await Page.connect(webSocketDebuggerUrl)
    await page.send('Emulation.setDeviceMetricsOverride', { width: size.width, height: size.height, deviceScaleFactor: size.isPhone === true ? 2 : 1, mobile: size.isPhone ?? false })
    await page.navigate(url)
    return page
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise(resolve => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      await Promise.race([ended, sleep(3000).then(() => this.#child.kill('SIGKILL'))])
      await ended
    }
    await groupEnded(this.#child.pid)
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 40, retryDelay: 50 })
  }
}

/** Kills what is left of a process group and waits until it is gone: Chromium's helpers write into its folder for a moment after it has ended. */
async function groupEnded(pid: number | undefined): Promise<void> {
  if (pid === undefined) return
  try {
    for (;;) {
      process.kill(-pid, 'SIGKILL')
      await sleep(20)
    }
  } catch {
    // ESRCH: the group has no process any more.
  }
}

function portIn(folder: string): number | undefined {
  try {
    const port = Number(readFileSync(join(folder, 'DevToolsActivePort'), 'utf8').split('\n')[0])
    return Number.isInteger(port) && port > 0 ? port : undefined
  } catch {
    return undefined
  }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

export class Page {
  /** URL and method of every request made since the last navigation by this class, in order. */
  readonly requests: string[] = []
  /** Documents loaded by the main frame since `navigate` returned. */
  navigations = 0
  /** Errors and exceptions that the page wrote to its console. */
  readonly errors: string[] = []
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve: (result: Readonly<Record<string, unknown>>) => void; reject: (error: Error) => void }>()
  #id = 0
  #onLoad: (() => void) | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', data => this.#take(JSON.parse(String(data)) as Message))
  }

  static async connect(url: string): Promise<Page> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 })
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    const page = new Page(socket)
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await page.send(`${domain}.enable`, {})
    return page
  }

  send(method: string, params: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    this.#id += 1
    const id = this.#id
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  async navigate(url: string): Promise<void> {
    const loaded = new Promise<void>(resolve => {
      this.#onLoad = resolve
    })
    await this.send('Page.navigate', { url })
    await loaded
    this.requests.length = 0
    this.navigations = 0
  }

  /** The value of an expression in the page; promises are awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(`in the page: ${JSON.stringify(exceptionDetails)}`)
    // The caller names the type that its expression has.
    return (result as { value: T }).value
  }

  /** Waits until an expression in the page is truthy; checked by the page itself as it changes, not over the wire on a timer. */
  async waitFor(expression: string, timeoutMs = 60_000): Promise<void> {
    const found = await this.evaluate<boolean>(`new Promise(resolve => {
      const check = () => { if (${expression}) { observer.disconnect(); clearTimeout(limit); resolve(true) } }
      const observer = new MutationObserver(check)
      const limit = setTimeout(() => { observer.disconnect(); resolve(false) }, ${timeoutMs})
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
      check()
    })`)
    if (!found) throw new Error(`the page never came to: ${expression}`)
  }

  /** Repeats `look` while the page reloads under it: an evaluation ends with the document that it began in. */
  async reloaded(look: () => Promise<void>, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      try {
        return await look()
      } catch (error) {
        if (Date.now() > deadline) throw error
        await sleep(100)
      }
    }
  }

  async screenshot(path: string): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    writeFileSync(path, Buffer.from(String(data), 'base64'))
  }

  close(): void {
    this.#socket.terminate()
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.error !== undefined) waiting?.reject(new Error(message.error.message))
      else waiting?.resolve(message.result ?? {})
      return
    }
    const params = message.params ?? {}
    if (message.method === 'Page.loadEventFired') this.#onLoad?.()
    if (message.method === 'Page.frameNavigated' && !('parentId' in (params['frame'] as object))) this.navigations += 1
    if (message.method === 'Network.requestWillBeSent') {
      const { method, url } = params['request'] as { method: string; url: string }
      this.requests.push(`${method} ${url}`)
    }
    if (message.method === 'Runtime.exceptionThrown') this.errors.push(JSON.stringify(params['exceptionDetails']))
    if (message.method === 'Log.entryAdded' && (params['entry'] as { level: string }).level === 'error') this.errors.push(JSON.stringify(params['entry']))
  }
}
