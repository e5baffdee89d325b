/**
 * An app under `millrace start` with its status page, as its users have it, and the things that a test of it does: kill by button, wait, stop.
 */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobRequest } from '../../src/http/job-request.ts'
import { freePorts } from './kafka.ts'
import { startMillrace } from './millrace.ts'
import { ENGINES, PYTHON_PACKAGES } from './need.ts'
import type { Started } from './processes.ts'
import { processTree } from './sockets.ts'

/** A watched app, and its status page as its users see it. */
export class Watched {
  readonly #started: Started
  readonly #url: string

  constructor(started: Started, url: string) {
    this.#started = started
    this.#url = url
  }

  static async start(entry: string, bootstrap: string, directory: string, env: Readonly<Record<string, string>> = {}): Promise<Watched> {
    const [port] = await freePorts(1)
    const started = startMillrace(['start', entry, '--processes', '2', '--bootstrap', bootstrap, '--data', directory, '--status-port', String(port), '--json'], { env: { PYTHONPATH: PYTHON_PACKAGES, MILLRACE_ENGINES: ENGINES, ...env } })
    const [, url = ''] = await started.waitFor(/"status":"([^"]+)"/, 240_000)
    return new Watched(started, url)
  }

  async processes(): Promise<readonly { readonly name: string; readonly state: string; readonly restarts: number; readonly pid: number | null; readonly gapMs: number | null }[]> {
    const answer = await asked(`${this.#url}api/status`)
    // The status server's own format.
    return (await answer.json() as { processes: Awaited<ReturnType<Watched['processes']>> }).processes
  }

  /** What the page says of a task. */
  async task(name: string): Promise<{ readonly engine: string; readonly state: string; readonly lastError: string | null; readonly dropped: Readonly<Record<string, number>> | null; readonly lagRecords: number | null; readonly inPerSecond: number | null; readonly outPerSecond: number | null; readonly latency: { readonly p50Ms: number; readonly p99Ms: number } | null; readonly job: { readonly storm: { readonly completeLatencyMs: number | null; readonly acked: number } | null; readonly url: string | null; readonly restarts: number | null } | null } | undefined> {
    const answer = await asked(`${this.#url}api/status`)
    // The status server's own format.
    const { status } = await answer.json() as { status: { tasks: (NonNullable<Awaited<ReturnType<Watched['task']>>> & { task: string })[] } }
    return status.tasks.find(each => each.task === name)
  }

  /** SIGKILLs a process by its button, and waits until it runs again. */
  async kill(name: string): Promise<void> {
    const before = (await this.processes()).find(each => each.name === name)
    assert.ok(before !== undefined, `there is a process ${name}`)
    await this.#post('api/kill', { name })
    await until(`${name} runs again`, async () => {
      const now = (await this.processes()).find(each => each.name === name)
      return now?.state === 'running' && now.restarts > before.restarts && now.pid !== before.pid
    }, this.log)
  }

  /** What `millrace job` asks; resolves when it is done. */
  async control({ name, action }: JobRequest): Promise<void> {
    await this.#post('api/job', { name, action: action.kind, ...action.kind === 'scale' ? { instances: action.instances } : {} })
  }

  async #post(path: string, body: object): Promise<void> {
    const token = /"token":"([^"]+)"/.exec(await (await asked(this.#url)).text())?.[1] ?? ''
    const answer = await fetch(`${this.#url}${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Millrace-Token': token }, body: JSON.stringify(body) })
    assert.equal(answer.status, 200, await answer.text())
  }

  readonly log = (): string => this.#started.stderr().slice(-4000)

  /** Ctrl-C: it must end by itself with 0 and leave no process. */
  async stop(): Promise<void> {
    const tree = processTree(this.#started.pid)
    const ran = await this.#started.kill('SIGINT')
    assert.equal(ran.exitCode, 0, ran.stderr.slice(-4000))
    for (const pid of tree) assert.throws(() => process.kill(pid, 0), /ESRCH/, `process ${pid} is left`)
  }

  async end(): Promise<void> {
    await this.#started.kill('SIGTERM')
  }
}

/** A connection that was kept for the next question may be closed by the server just then: then it is asked once more, on another one. */
async function asked(url: string): Promise<Response> {
  return fetch(url).catch(async (error: unknown) => {
    await sleep(250)
    return fetch(url, { headers: { Connection: 'close' } }).catch(() => { throw error })
  })
}

export async function until(what: string, holds: () => Promise<boolean>, log: () => string, seconds = 120): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!await holds()) {
    assert.ok(Date.now() < deadline, `${what}, within ${seconds} s\n${log()}`)
    await sleep(250)
  }
}
