/** `millrace/engines`: tasks that other engines run. */
export { external, process, type ProcessOptions } from '../engines/process.ts'
export { kafkaStreams, type KafkaStreamsOptions } from '../engines/kafka-streams.ts'
export { flink, type FlinkOptions } from '../engines/flink/flink.ts'
export { spark, type SparkOptions } from '../engines/spark/spark.ts'
export { connect, type ConnectOptions } from '../engines/connect/connect.ts'
export { storm, type StormOptions } from '../engines/storm/storm.ts'
export { samza, type SamzaOptions } from '../engines/samza.ts'
