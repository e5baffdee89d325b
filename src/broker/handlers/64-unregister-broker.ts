/** UnregisterBroker (64), version 0: the one broker there is stays registered while it runs. */
import { unregisterBroker } from '../../wire/apis/64-unregister-broker.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { NODE_ID } from '../options.ts'

export const unregisterBrokerHandler = handler(unregisterBroker, [0, 0], (_core, { brokerId }) => brokerId === NODE_ID
  ? { errorCode: errorCode('INVALID_REQUEST'), errorMessage: `Broker ${brokerId} is the only one, and it runs.` }
  : { errorCode: errorCode('BROKER_ID_NOT_REGISTERED'), errorMessage: `Broker ID ${brokerId} is not currently registered` })
