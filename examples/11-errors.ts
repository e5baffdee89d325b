/** A record that breaks the code, or is not what was declared, goes to a dead-letter topic as it came; the rest goes on. */
import { app, deadLetter, int64, record, text, topic } from 'millrace'

const Reading = record({ sensor: text, raw: text, at: int64 })
const Value = record({ sensor: text, value: int64 })
const readings = topic('readings', { key: text, value: Reading, time: 'at' })
const values = topic('values', { key: text, value: Value })

export default app('sensors').task('parse', ({ read }) =>
  read(readings)
    .map(({ sensor, raw }) => {
      const value = Number.parseInt(raw, 16)
      if (Number.isNaN(value)) throw new Error(`'${raw}' is not hexadecimal`)
      return { sensor, value }
    })
    .write(values), { onError: deadLetter('readings-dead') })
