/**
 * The broker as a process of its own, for tests and measurements: `node dist/src/broker/main.js --port 9092 --data DIR
 * [--durability sync|interval|os] [--partitions N] [--min-session-ms N]
 * [--consumer-session-ms N] [--consumer-heartbeat-ms N] [--as-version 2.8|3.9|4.1]`. The command for users is `millrace broker start`.
 *
 * Prints one line of JSON when it is ready: `{"ready":true,"address":…}`. SIGTERM and SIGINT stop it cleanly.
 */
import { exitCodeOf, messageOf, MillraceError } from '../base/errors.ts'
import { createLogger } from '../base/logger.ts'
import type { LogLevel } from '../base/logger.ts'
import { realEnv } from '../env/real/env.ts'
import { kafkaVersionOf } from './as-version.ts'
import { Broker } from './broker.ts'

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2))
  const directory = options.get('data')
  if (directory === undefined) throw new MillraceError('USAGE', 'Say where data is kept: --data DIR')
  const durability = options.get('durability') ?? 'sync'
  if (durability !== 'sync' && durability !== 'interval' && durability !== 'os') throw new MillraceError('USAGE', `--durability is sync, interval or os, not ${durability}`)
  // Checked by createLogger's table: an unknown level logs everything.
  const level = (options.get('log') ?? 'warn') as LogLevel
  const broker = await Broker.start(realEnv, {
    directory, durability, port: Number(options.get('port') ?? 9092),
    topicDefaults: { partitions: Number(options.get('partitions') ?? 1) },
    groupMinSessionTimeoutMs: Number(options.get('min-session-ms') ?? 6000),
    groupConsumerSessionTimeoutMs: Number(options.get('consumer-session-ms') ?? 45_000),
    groupConsumerHeartbeatIntervalMs: Number(options.get('consumer-heartbeat-ms') ?? 5000),
    asVersion: kafkaVersionOf(options.get('as-version') ?? '4.1'),
    logger: createLogger({ level, write: line => process.stderr.write(`${line}\n`), now: () => realEnv.clock.now() }),
  })
  process.stdout.write(`${JSON.stringify({ ready: true, address: broker.address, pid: process.pid })}\n`)
  const stop = (): void => {
    broker.close().then(() => process.exit(0), error => quit(error))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  void broker.failed.then(error => quit(error))
}

function readArguments(words: readonly string[]): Map<string, string> {
  const options = new Map<string, string>()
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index]
    const value = words[index + 1]
    if (name === undefined || !name.startsWith('--') || value === undefined) throw new MillraceError('USAGE', `Not an option with a value: ${name ?? ''}`)
    options.set(name.slice(2), value)
  }
  return options
}

function quit(error: unknown): void {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(exitCodeOf(error))
}

main().catch(quit)
