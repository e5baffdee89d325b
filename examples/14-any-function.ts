/**
 * A sink that is any function: mails go out in batches, at least once, and an id that stays the same keeps a mail from going out twice. An address that will never do is
 * refused: the task's policy writes its record to a dead-letter topic.
 */
import { app, deadLetter, record, text, topic } from 'millrace'
import { each } from 'millrace/sinks'

const Mail = record({ to: text, subject: text })
const mails = topic('mails', { key: text, value: Mail })

/** Stands for a mail service that knows ids. */
export const outbox = new Map<string, string>()

export default app('mailer').task('send', ({ read }) =>
  read(mails).to(each(async (rows, { id, refuse }) => {
    for (const row of rows) {
      if (!row.value.to.includes('@')) refuse(row, `${row.value.to} is no address`)
      else await Promise.resolve(outbox.set(id(row), `${row.value.to}: ${row.value.subject}`))
    }
  })), { onError: deadLetter('mails-refused') })
