/** Splits a stream by kind, treats the parts apart, and brings two of them together again. */
import { app, f64, optional, record, text, topic, type Infer } from 'millrace'

const Message = record({ kind: text, from: text, body: text, amount: optional(f64) })
type Message = Infer<typeof Message>
const Notice = record({ from: text, line: text })
const messages = topic('messages', { key: text, value: Message })
const notices = topic('notices', { key: text, value: Notice })
const unknown = topic('unknown-messages', { key: text, value: Message })

const isInvoice = (message: Message): message is Message & { readonly amount: number } => message.kind === 'invoice' && message.amount !== undefined

export default app('inbox').task('sort', ({ read }) => {
  const { invoice, chat, otherwise } = read(messages).branch({ invoice: isInvoice, chat: message => message.kind === 'chat' })
  invoice.map(({ from, amount }) => ({ from, line: `invoice over ${amount.toFixed(2)}` }))
    .merge(chat.map(({ from, body }) => ({ from, line: body })))
    .write(notices)
  otherwise.write(unknown)
})
