/** What a coordinator does not do, as an exception: the handler answers with `error` and the message. */
import type { KafkaErrorName } from '../../wire/error-codes.ts'

export class Refusal extends Error {
  readonly error: KafkaErrorName

  constructor(error: KafkaErrorName, message: string) {
    super(message)
    this.name = 'Refusal'
    this.error = error
  }
}
