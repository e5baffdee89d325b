/** The client's group suite on Apache Kafka. */
import { groupSuite } from '../../support/client/group-suite.ts'
import { onKafka } from '../../support/client/brokers.ts'

groupSuite(onKafka, { librdkafka: true })
