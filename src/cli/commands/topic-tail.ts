/** `millrace topic tail`: records of a topic, as they come or from a place on, read committed. */
import { MillraceError } from '../../base/errors.ts'
import { FetchedCursor } from '../../client/fetched-batches.ts'
import { Fetcher } from '../../client/fetcher.ts'
import { nameOf } from '../../client/types.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { onePartition, partitionsOf, withCluster } from '../cluster.ts'
import { formatRecord, isoTime, recordDocument, type ShownRecord } from '../format.ts'
import { offsetsAt, parsePlace } from '../positions.ts'
import { groupDigits } from '../render.ts'
import { printable } from '../../base/logger.ts'

export const topicTail = defineCommand({
  path: ['topic', 'tail'],
  summary: 'records of a topic, as they come',
  positionals: [{ name: 'NAME', describe: "the topic's name" }],
  options: {
    ...CLUSTER_OPTIONS,
    offset: { type: 'string', short: 'o', value: 'PLACE', describe: 'where to begin: earliest, latest, 4711, -100, -5m, a date', default: 'latest' },
    partition: { type: 'number', short: 'p', describe: 'this partition only' },
    count: { type: 'number', short: 'n', describe: 'end after so many records', min: 1 },
    exit: { type: 'boolean', short: 'e', describe: 'end at the topic\'s present end' },
    grep: { type: 'string', short: 'g', describe: 'only records whose key or value contains this text' },
    format: { type: 'string', short: 'f', describe: "such as '%T %p@%o %k %v\\n' (%t topic, %h headers, %S bytes)" },
    uncommitted: { type: 'boolean', describe: 'records of open and aborted transactions too' },
  },
  examples: ['millrace topic tail orders', "millrace topic tail orders -o -5m -g '\"total\":1' -n 10", "millrace topic tail orders -o earliest -e --json | jq .value"],
  run: call => withCluster(call, async (cluster, admin) => {
    const topic = call.required('NAME')
    const all = await partitionsOf(cluster, topic)
    const wanted = onePartition(topic, all, call.number('partition'))
    const partitions = all.filter(partition => wanted === undefined || partition === wanted).map(partition => ({ topic, partition }))
    const isolation = call.flag('uncommitted') ? 'read_uncommitted' as const : 'read_committed' as const
    const starts = await offsetsAt(admin, partitions, parsePlace(call.text('offset') ?? 'latest', Date.now()))
    const ends = new Map((await admin.listOffsets(partitions, 'latest', { isolation })).map(listing => [listing.partition, listing.offset]))
    const tail = new Tail(call)
    const fetcher = new Fetcher(cluster, { isolation, waitMsMax: 250, onData: () => tail.wake(), onError: (name, partition, error) => tail.fail(name, partition, error) })
    for (const { partition } of partitions) {
      if (call.flag('exit') && (starts.get(partition) ?? 0) >= (ends.get(partition) ?? 0)) ends.delete(partition)
      else fetcher.assign(topic, partition, starts.get(partition) ?? 0)
    }
    try {
      return await tail.run(fetcher, call.flag('exit') ? ends : undefined)
    } finally {
      await fetcher.close()
    }
  }),
})

class Tail {
  readonly #call: Call
  readonly #cursor = new FetchedCursor()
  readonly #started = Date.now()
  #wake: () => void = () => {}
  #failure: Error | undefined
  #read = 0
  #shown = 0
  #bytes = 0

  constructor(call: Call) {
    this.#call = call
    call.signal.addEventListener('abort', () => this.wake())
  }

  wake(): void {
    this.#wake()
  }

  fail(topic: string, partition: number, error: Error): void {
    const message = `${nameOf({ topic, partition })}: ${error.message}`
    this.#failure = error instanceof MillraceError ? new MillraceError(error.code, message, { detail: error.detail, cause: error }) : new Error(message, { cause: error })
    this.wake()
  }

  /** `ends`: per partition the offset to stop at; without it, until Ctrl-C or `--count`. */
  async run(fetcher: Fetcher, ends: Map<number, number> | undefined): Promise<number> {
    const countMax = this.#call.number('count') ?? Infinity
    while (!this.#call.signal.aborted && this.#shown < countMax && (ends === undefined || ends.size > 0)) {
      if (this.#failure !== undefined) throw this.#failure
      const woken = new Promise<void>(resolve => { this.#wake = resolve })
      const batches = fetcher.poll()
      if (batches === undefined) {
        await woken
        continue
      }
      this.#cursor.open(batches)
      while (this.#shown < countMax && this.#cursor.next()) this.#show(batches.topic, batches.partition, ends)
      this.#bytes += batches.batches.length
      if (ends !== undefined && this.#cursor.offsetNext >= (ends.get(batches.partition) ?? Infinity)) ends.delete(batches.partition)
      batches.release()
      // What is shown is its own sign of progress; a search that finds little is not.
      if (this.#call.text('grep') !== undefined) this.#call.output.progress(`${groupDigits(this.#read)} records searched, ${groupDigits(this.#shown)} matched`)
    }
    const seconds = (Date.now() - this.#started) / 1000
    if (this.#call.text('grep') !== undefined) this.#call.output.note(`${groupDigits(this.#shown)} of ${groupDigits(this.#read)} records matched · ${seconds.toFixed(1)} s · ${(this.#bytes / 1e6).toFixed(1)} MB read`)
    return 0
  }

  #show(topic: string, partition: number, ends: Map<number, number> | undefined): void {
    const cursor = this.#cursor
    if (ends !== undefined && cursor.offset >= (ends.get(partition) ?? 0)) return
    this.#read++
    const slice = (start: number, end: number): Buffer | null => start === -1 ? null : cursor.buffer.subarray(start, end)
    const key = slice(cursor.keyStart, cursor.keyEnd)
    const value = slice(cursor.valueStart, cursor.valueEnd)
    const grep = this.#call.text('grep')
    if (grep !== undefined && value?.includes(grep) !== true && key?.includes(grep) !== true) return
    this.#shown++
    const record: ShownRecord = { topic, partition, offset: cursor.offset, timestamp: cursor.timestamp, key, value, headers: cursor.headerCount > 0 ? cursor.readHeaders() : [] }
    const { output } = this.#call
    if (output.json) output.document(recordDocument(record))
    else if (this.#call.text('format') !== undefined) output.raw(formatRecord(this.#call.text('format') ?? '', record))
    else output.line(`${output.style('dim', isoTime(record.timestamp).slice(11, 23))} ${output.style('cyan', `${partition}@${record.offset}`)} ${printable(key === null ? 'null' : key.toString())} ${printable(value === null ? 'null' : value.toString())}`)
  }
}
