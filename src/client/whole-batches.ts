/** What a fetch answer carries, looked at before it is queued and before it is handed out: whole batches, and their checksums. */
import { MillraceError } from '../base/errors.ts'
import { BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, BatchView } from '../wire/record-batch.ts'

/** The whole batches at the front of `records`; a cut one at the end is left out. Throws `BATCH_CORRUPT` where there is none. */
export function wholeBatches(records: Buffer, offset: number): { end: number, offsetNext: number, leaderEpoch: number } {
  let end = 0
  let offsetNext = offset
  let leaderEpoch = -1
  while (records.length - end >= BATCH_HEADER_BYTES && records.readInt32BE(end + 8) + BATCH_OVERHEAD_BYTES <= records.length - end) {
    const view = new BatchView(records, end)
    offsetNext = Math.max(offsetNext, view.lastOffset + 1)
    leaderEpoch = view.leaderEpoch
    end = view.end
  }
  if (end === 0) throw new MillraceError('BATCH_CORRUPT', `${records.length} bytes were fetched at offset ${offset}, and no whole batch is among them`, { detail: { offset } })
  return { end, offsetNext, leaderEpoch }
}

export function checksumProblem(batches: Buffer): string | undefined {
  for (let position = 0; position < batches.length;) {
    const view = new BatchView(batches, position)
    if (view.magic !== 2) return `the batch of offset ${view.baseOffset} has format ${view.magic}; only 2 is known here`
    if (!view.verifyCrc()) return `the batch of offset ${view.baseOffset} does not match its checksum`
    position = view.end
  }
  return undefined
}
