/** The client's group suite on the embedded broker: the same that runs on Apache Kafka in test/real/client. */
import { groupSuite } from '../support/client/group-suite.ts'
import { onEmbeddedBroker } from '../support/client/brokers.ts'

groupSuite(onEmbeddedBroker, { librdkafka: false })
