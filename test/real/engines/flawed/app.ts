/** A task of ours that is sound, and beside it one job with each flaw that an engine's task may have. FLAWED: the folder of their programs. */
import { join } from 'node:path'
import { app, text, type Topic, topic } from 'millrace'
import { connect, kafkaStreams, samza, storm } from 'millrace/engines'

const folder = process.env['FLAWED'] ?? '.'
const named = (name: string): Topic<string, string> => topic(`flawed.${name}`, { key: text, value: text, partitions: 1 })
const [lines, copies, out] = [named('lines'), named('copies'), named('out')]

export default app('flawed')
  .task('copy', ({ read }) => read(lines).write(copies))
  .task('nojar', { on: samza({ jar: join(folder, 'error.jar'), mainClass: 'Profiles' }), reads: [copies] })
  .task('absent', { on: kafkaStreams({ source: join(folder, 'Absent.java') }), reads: [copies] })
  .task('dies', { on: storm({ source: join(folder, 'Dies.java') }), reads: [copies] })
  .task('typo', { on: samza({ source: join(folder, 'Typo.java') }), reads: [copies] })
  .task('refused', { on: connect({ connectors: { lines: { 'connector.class': 'FileStreamSource', file: join(folder, 'in.txt') } } }), writes: [out] })
  .task('failing', { on: connect({ connectors: { lines: { 'connector.class': 'FileStreamSink', file: join(folder, 'none', 'out.txt'), topics: 'flawed.copies' } } }), reads: [copies] })
