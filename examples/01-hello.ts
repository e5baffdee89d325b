/** The smallest app: one task that reads a topic and writes another. */
import { app, text, topic } from 'millrace'

const names = topic('hello.names', { key: text, value: text })
const greetings = topic('hello.greetings', { key: text, value: text })

export default app('hello').task('greet', ({ read }) => read(names).map(name => `Hello ${name}!`).write(greetings))
