/** The client's transaction suite on Apache Kafka. */
import { transactionSuite } from '../../support/client/transaction-suite.ts'
import { onKafka } from '../../support/client/brokers.ts'

transactionSuite(onKafka)
