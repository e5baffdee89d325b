/** The client's admin suite on the embedded broker: the same that runs on Apache Kafka in test/real/client. */
import { adminSuite } from '../support/client/admin-suite.ts'
import { onEmbeddedBroker } from '../support/client/brokers.ts'

adminSuite(onEmbeddedBroker)
