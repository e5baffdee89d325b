/** `millrace broker start`: the embedded broker alone, for clients of any language. */
import { resolve } from 'node:path'
import { KAFKA_VERSIONS, kafkaVersionOf } from '../../broker/as-version.ts'
import { Broker } from '../../broker/broker.ts'
import { MEMORY_BYTES_DEFAULT, MEMORY_DIRECTORY, memoryEnv } from '../../broker/in-memory.ts'
import { INTERVAL_DEFAULT } from '../../broker/options.ts'
import type { BrokerOptions } from '../../broker/options.ts'
import { createLogger } from '../../base/logger.ts'
import type { Env } from '../../env/env.ts'
import { realEnv } from '../../env/real/env.ts'
import { BROKER_SECURITY_OPTIONS, brokerSecurity, describeListeners } from '../broker-security.ts'
import { isSupervised, sayReady, untilAsked } from '../child.ts'
import { type Call, defineCommand, PORT_MAX, usage } from '../command.ts'
import { counted, formatBytes } from '../render.ts'

/** Of the 2 s within which a client is to be seen on the page. */
const TELL_AFTER_MS = 250
const DURABILITIES = ['sync', 'interval', 'os'] as const
const DATA_DEFAULT = '.millrace/data/broker'
const MIB = 1024 * 1024

export function durabilityOf(call: Call): typeof DURABILITIES[number] {
  const durability = DURABILITIES.find(each => each === (call.text('durability') ?? 'sync'))
  if (durability === undefined) throw usage(`--durability takes ${DURABILITIES.join(', ')}, not '${call.text('durability')}'.`)
  return durability
}

interface Place {
  readonly env: Env
  readonly directory: string
  readonly durability: typeof DURABILITIES[number]
  /** What is said of it. */
  readonly kept: { readonly directory: string | null, readonly durability: string, readonly data: string, readonly meaning: string }
}

/** Where its data is, and what an acknowledgement means there. */
function placeOf(call: Call, users: BrokerOptions['users']): Place {
  if (call.flag('memory')) {
    for (const option of ['data', 'durability']) if (call.text(option) !== undefined) throw usage(`--memory keeps nothing: --${option} has no meaning with it. Leave one of them out.`)
    const bytesMax = (call.number('memory-max') ?? 0) * MIB
    return {
      env: memoryEnv(realEnv, { bytesMax, users: typeof users === 'string' ? users : undefined }), directory: MEMORY_DIRECTORY, durability: 'os',
      kept: { directory: null, durability: 'memory', data: `in memory, at most ${formatBytes(bytesMax)}        nothing on the disk`, meaning: 'acknowledged at once; all of it is gone when this process ends' },
    }
  }
  const durability = durabilityOf(call)
  const directory = resolve(call.text('data') ?? DATA_DEFAULT)
  const meaning = { sync: 'acknowledged after fsync', interval: `fsync every ${INTERVAL_DEFAULT.ms} ms or ${formatBytes(INTERVAL_DEFAULT.bytes)}: a power cut may take what was acknowledged since`, os: 'no fsync: a power cut may take what the system had not written' }[durability]
  return { env: realEnv, directory, durability, kept: { directory, durability, data: `${directory}        kept between runs`, meaning } }
}

/** A start that is over at once says nothing; one that recovers large logs says how far it is. */
function progressOf(call: Call): (opened: number, partitions: number) => void {
  const started = performance.now()
  let said = started
  return (opened, partitions) => {
    const now = performance.now()
    if (now - started < 1000 || now - said < 200) return
    said = now
    call.output.progress(`  opening and recovering the logs: ${opened} of ${counted(partitions, 'partition')}`)
  }
}

export const brokerStart = defineCommand({
  path: ['broker', 'start'],
  summary: 'runs the embedded broker: one durable node that speaks Kafka',
  positionals: [],
  options: {
    port: { type: 'number', short: 'p', describe: 'port to listen on; 0 takes a free one', default: 9092, max: PORT_MAX },
    host: { type: 'string', value: 'HOST', describe: 'address to listen on; anything but loopback needs --users, or certificates of clients', default: '127.0.0.1' },
    data: { type: 'string', short: 'd', value: 'DIR', describe: `where topics and offsets are kept; default ${DATA_DEFAULT}` },
    memory: { type: 'boolean', describe: 'keeps everything in memory and nothing on the disk: gone when it ends' },
    'memory-max': { type: 'number', value: 'MIB', describe: 'with --memory: what the logs may take; beyond, producers are told to wait until something is deleted', default: MEMORY_BYTES_DEFAULT / MIB, min: 64 },
    durability: { type: 'string', value: 'sync|interval|os', describe: 'when a write is acknowledged: after fsync (the default), with fsync every so often, or when the system has it' },
    cache: { type: 'number', value: 'MIB', describe: 'memory for the newest records, so that who reads them asks no disk', default: 64 },
    'as-version': { type: 'string', value: KAFKA_VERSIONS.join('|'), describe: 'serves the APIs, versions and features of this Apache Kafka, to test clients against older ones', default: '4.1' },
    'accept-data-loss': { type: 'boolean', describe: 'cut corrupt logs (their bytes are copied aside first) where the start is refused otherwise' },
    ...BROKER_SECURITY_OPTIONS,
  },
  examples: ['millrace broker start', 'millrace broker start --memory --port 0', 'millrace broker start --listen 0.0.0.0:9093 --advertise kafka.example:9093 --tls-cert cert.pem --tls-key key.pem --users users.json --super-user admin', 'millrace broker start --port 9095 --data /var/lib/millrace'],
  async run(call) {
    const host = call.text('host') ?? '127.0.0.1'
    const asVersion = kafkaVersionOf(call.text('as-version') ?? '')
    if (asVersion === undefined) throw usage(`--as-version takes ${KAFKA_VERSIONS.join(', ')}, not '${call.text('as-version')}'.`)
    const cacheMib = call.number('cache') ?? 64
    const started = performance.now()
    const security = brokerSecurity(call)
    const { env, directory, durability, kept } = placeOf(call, security.users)
    const logger = createLogger({ level: 'warn', write: line => call.output.note(line), now: Date.now })
    const broker = await Broker.start(env, { directory, host, port: call.number('port') ?? 9092, durability, asVersion, acceptDataLoss: call.flag('accept-data-loss'), tailBytesMax: cacheMib * MIB, logger, onOpening: progressOf(call), ...security })
    const listeners = describeListeners(broker)
    const [{ address } = { address: broker.address }] = listeners
    call.output.document({ address, listeners: broker.listeners.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`), directory: kept.directory, durability: kept.durability, pid: process.pid })
    if (!isSupervised()) {
      call.output.line(`  ${call.output.style('bold', 'MILLRACE broker')}   as Apache Kafka ${asVersion}, ready in ${Math.round(performance.now() - started)} ms`)
      call.output.line()
      for (const listener of listeners) call.output.line(`  ➜ Kafka       ${listener.address}        ${listener.what}`)
      call.output.line(`  ➜ Data        ${kept.data}`)
      call.output.line(`  ➜ Durability  ${kept.durability}        ${kept.meaning}`)
      call.output.line()
    }
    sayReady({ port: broker.port })
    if (isSupervised()) tellClients(broker)
    // A broker whose disk failed has stopped by itself: it must not stand there as if it ran.
    await Promise.race([untilAsked(call.signal), broker.failed.then(error => { throw error })])
    await broker.close()
    return 0
  },
})

/** Tells the supervisor who uses which topics and what was refused, a moment after that has changed: what came together is told together. */
function tellClients(broker: Broker): void {
  let timer: NodeJS.Timeout | undefined
  const seen = broker.watchClients(() => { timer ??= setTimeout(tell, TELL_AFTER_MS).unref() })
  const tell = (): void => {
    timer = undefined
    if (process.connected) process.send?.(seen())
  }
  tell()
}
