/** The frames under test/fixtures/frames (see scripts/record-frames.ts). */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface RecordedFrame {
  /** The program that was recorded: the fixture's name. */
  readonly client: string
  readonly key: number
  readonly version: number
  readonly direction: 'request' | 'response'
  /** Without its size. */
  readonly frame: Buffer
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'frames')

export function readRecordedFrames(): RecordedFrame[] {
  return readdirSync(folder).filter(name => name.endsWith('.jsonl.gz')).sort().flatMap(name => {
    const lines = gunzipSync(readFileSync(join(folder, name))).toString('utf8').trim().split('\n')
    return lines.map(line => {
      const { k, v, d, f }: { k: number, v: number, d: 'q' | 'p', f: string } = JSON.parse(line)
      return { client: name.replace('.jsonl.gz', ''), key: k, version: v, direction: d === 'q' ? 'request' : 'response', frame: Buffer.from(f, 'base64') }
    })
  })
}
