/** The client's admin suite on Apache Kafka. */
import { adminSuite } from '../../support/client/admin-suite.ts'
import { onKafka } from '../../support/client/brokers.ts'

adminSuite(onKafka)
