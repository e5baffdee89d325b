// Both jobs in kafkats' flow (npm: @kafkats/flow), as its README teaches; `tuned` adds larger fetches and batches and no linger. Make it faster.
//
// Its producer lingers 5 ms by default and its operators wait for each send, so a linger is paid per record; `lingerMs: 0` is set in both leagues, for without it
// the comparison would be with a timer.
import { flow, json, string, TimeWindows, topic } from '@kafkats/flow'

const setting = name => process.env[`BENCH_${name}`] ?? ''
const tuned = process.argv[2] === 'tuned'

const app = flow({
  applicationId: setting('NAME'),
  client: { clientId: setting('NAME'), brokers: [setting('BOOTSTRAP')] },
  // Its threads share one event loop; with two, the second does not join the group within the 10 s that it gives itself while the first works off an input.
  numStreamThreads: 1,
  processingGuarantee: setting('GUARANTEE') === 'exactly-once' ? 'exactly_once' : 'at_least_once',
  commitIntervalMs: Number(setting('COMMIT_MS')),
  consumer: { autoOffsetReset: 'earliest', ...tuned ? { maxBytesPerPartition: 8 << 20, maxRecords: 20_000, maxWaitMs: 50 } : {} },
  producer: { lingerMs: 0, acks: 'all', idempotent: true, compression: setting('COMPRESSION'), ...tuned ? { maxBatchBytes: 512 << 10 } : {} },
  ...tuned ? { runEach: { partitionConcurrency: Number(setting('PARTITIONS')) } } : {},
})

const events = app.stream(topic(setting('INPUT'), { key: string(), value: json() }), { offsetReset: 'earliest' })
if (setting('JOB') === 'rekey') {
  events.filter((_, event) => event.type !== 'view')
    .map((_, event) => [event.item, { item: event.item, price: event.price, at: event.at }])
    .to(setting('OUTPUT'), { key: string(), value: json() })
} else {
  events.groupBy((_, event) => event.item, { key: string(), value: json() })
    .windowedBy(TimeWindows.of('1m'))
    .count()
    .toStream()
    .map((windowed, count) => [windowed.key, { item: windowed.key, from: windowed.window.start, count }])
    .to(setting('OUTPUT'), { key: string(), value: json() })
}

await app.start()
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { app.close().finally(() => process.exit(0)) })
