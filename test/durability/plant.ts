/**
 * Plants a bug into the broker of this process, for the programme to find: `MILLRACE_PLANT=NAME node --import …/plant.js …`.
 * A piece of the source that is not there any more is an error: a bug that was not planted proves nothing.
 */
import { register } from 'node:module'

type Edit = readonly [file: string, from: string, to: string]

/** By name: the files, what stands there, what stands there instead. */
const PLANTS: Readonly<Record<string, readonly Edit[]>> = {
  'skip-fsync': [['/src/log/flusher.js', 'syncs.push(file.datasync())', 'syncs.push(Promise.resolve())']],
  'answer-before-write': [['/src/broker/handlers/00-produce.js', 'await Promise.all(durable)', 'Promise.all(durable).catch(() => {})']],
  // A batch's own checksum, and that of the whole segment after a clean stop: each finds what the other would let through.
  'skip-crc': [['/src/wire/record-batch.js', 'if (crc !== buffer.readUInt32BE(at + 17))', 'if (crc < 0)'], ['/src/log/segment.js', 'this.#sum === this.#readSum()', 'true']],
}

const name = process.env['MILLRACE_PLANT'] ?? ''
const plant = PLANTS[name]
if (plant === undefined) throw new Error(`MILLRACE_PLANT is one of ${Object.keys(PLANTS).join(', ')}, not '${name}'`)
const hooks = `export async function load(url, context, next) {
  const loaded = await next(url, context)
  const edit = ${JSON.stringify(plant)}.find(([file]) => url.endsWith(file))
  if (edit === undefined) return loaded
  const source = String(loaded.source)
  const planted = source.replace(edit[1], edit[2])
  if (planted === source) throw new Error('nothing to plant in ' + url)
  return { ...loaded, source: planted }
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
