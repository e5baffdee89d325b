/** The client's producer suite on the embedded broker: the same that runs on Apache Kafka in test/real/client. */
import { producerSuite } from '../support/client/producer-suite.ts'
import { onEmbeddedBroker } from '../support/client/brokers.ts'

producerSuite(onEmbeddedBroker)
