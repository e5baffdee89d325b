/** The client's transaction suite on the embedded broker: the same that runs on Apache Kafka in test/real/client. */
import { transactionSuite } from '../support/client/transaction-suite.ts'
import { onEmbeddedBroker } from '../support/client/brokers.ts'

transactionSuite(onEmbeddedBroker)
