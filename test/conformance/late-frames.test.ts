/** KAFKA-17754 on the embedded broker: the same suite that runs on Apache Kafka in test/real/client. */
import { lateFramesSuite } from '../support/client/late-frames-suite.ts'
import { onEmbeddedBroker } from '../support/client/brokers.ts'

lateFramesSuite(onEmbeddedBroker)
