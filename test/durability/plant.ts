/**
 * Plants a bug into the broker of this process, for the programme to find: `MILLRACE_PLANT=NAME node --import …/plant.js …`.
 * A piece of the source that is not there any more is an error: a bug that was not planted proves nothing.
 */
import { register } from 'node:module'

/** By name: the file, what stands there, what stands there instead. */
const PLANTS: Readonly<Record<string, readonly [file: string, from: string, to: string]>> = {
  'skip-fsync': ['/src/log/flusher.js', 'syncs.push(file.datasync())', 'syncs.push(Promise.resolve())'],
  'answer-before-write': ['/src/broker/handlers/00-produce.js', 'await Promise.all(durable)', 'Promise.all(durable).catch(() => {})'],
  'skip-crc': ['/src/wire/record-batch.js', 'if (crc !== buffer.readUInt32BE(at + 17))', 'if (crc < 0)'],
}

const name = process.env['MILLRACE_PLANT'] ?? ''
const plant = PLANTS[name]
if (plant === undefined) throw new Error(`MILLRACE_PLANT is one of ${Object.keys(PLANTS).join(', ')}, not '${name}'`)
const [file, from, to] = plant
const hooks = `export async function load(url, context, next) {
  const loaded = await next(url, context)
  if (!url.endsWith(${JSON.stringify(file)})) return loaded
  const source = String(loaded.source)
  const planted = source.replace(${JSON.stringify(from)}, ${JSON.stringify(to)})
  if (planted === source) throw new Error('nothing to plant in ' + url)
  return { ...loaded, source: planted }
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
