/** KAFKA-17754 on Apache Kafka. */
import { lateFramesSuite } from '../../support/client/late-frames-suite.ts'
import { onKafka } from '../../support/client/brokers.ts'

lateFramesSuite(onKafka)
