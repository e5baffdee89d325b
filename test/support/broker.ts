/**
 * The embedded broker as a process of its own, on a free port and a directory that outlives kills.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './kafka.ts'
import { ROOT } from './need.ts'
import { type Started, startProcess } from './processes.ts'

export interface BrokerProcess {
  readonly bootstrap: string
  readonly port: number
  readonly directory: string
  pid(): number | undefined
  /** Starts it (again) on its data; resolves with the milliseconds until it served. */
  start(): Promise<number>
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Everything it has written to stderr, over all starts. */
  log(): string
  /** Kills it and removes its data. */
  remove(): Promise<void>
}

export interface BrokerProcessOptions {
  readonly durability?: 'sync' | 'interval' | 'os' | undefined
  readonly partitions?: number | undefined
  readonly minSessionMs?: number | undefined
  /** Of members of consumer groups (KIP-848). */
  readonly consumerSessionMs?: number | undefined
  readonly consumerHeartbeatMs?: number | undefined
  readonly asVersion?: '2.8' | '3.9' | '4.1' | undefined
}

export async function startBroker(options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('no free port')
  const broker = new ChildBroker(port, join(directory, 'data'), options)
  await broker.start()
  return broker
}

class ChildBroker implements BrokerProcess {
  readonly port: number
  readonly directory: string
  readonly #options: BrokerProcessOptions
  #process: Started | undefined
  #log = ''

  constructor(port: number, directory: string, options: BrokerProcessOptions) {
    this.port = port
    this.directory = directory
    this.#options = options
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  pid(): number | undefined {
    return this.#process?.pid
  }

  log(): string {
    return this.#log + (this.#process?.stderr() ?? '')
  }

  async start(): Promise<number> {
    const started = performance.now()
    const { durability, partitions, minSessionMs, consumerSessionMs, consumerHeartbeatMs, asVersion } = this.#options
    this.#process = startProcess(process.execPath, [join(ROOT, 'dist/src/broker/main.js'), '--port', String(this.port), '--data', this.directory, '--log', 'info',
      '--durability', durability ?? 'sync', '--partitions', String(partitions ?? 1), '--min-session-ms', String(minSessionMs ?? 6000),
      '--consumer-session-ms', String(consumerSessionMs ?? 45_000), '--consumer-heartbeat-ms', String(consumerHeartbeatMs ?? 5000), '--as-version', asVersion ?? '4.1'])
    await this.#process.waitFor(/"ready":true/)
    return performance.now() - started
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#process
    this.#process = undefined
    const ran = await running?.kill(signal)
    this.#log += ran?.stderr ?? ''
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(join(this.directory, '..'), { recursive: true, force: true })
  }
}
