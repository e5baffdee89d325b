/** The client's producer suite on Apache Kafka. */
import { producerSuite } from '../../support/client/producer-suite.ts'
import { onKafka } from '../../support/client/brokers.ts'

producerSuite(onKafka)
