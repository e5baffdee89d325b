/** DescribeQuorum (55), versions 0–2: this node is the one voter and the leader. There is no metadata log here: its end is told as 0. */
import { describeQuorum } from '../../wire/apis/55-describe-quorum.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { NODE_ID } from '../options.ts'

const METADATA_TOPIC = '__cluster_metadata'

export const describeQuorumHandler = handler(describeQuorum, [0, 2], (core, request, call) => {
  const now = core.env.clock.now()
  return {
    errorCode: 0, errorMessage: '',
    topics: request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => {
        const isQuorum = topicName === METADATA_TOPIC && partitionIndex === 0
        if (!isQuorum) return { partitionIndex, errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] }
        return { partitionIndex, errorCode: 0, errorMessage: '', leaderId: NODE_ID, leaderEpoch: 1, highWatermark: 0, currentVoters: [{ replicaId: NODE_ID, logEndOffset: 0, lastFetchTimestamp: now, lastCaughtUpTimestamp: now }], observers: [] }
      }),
    })),
    nodes: !request.topics.some(topic => topic.topicName === METADATA_TOPIC) ? [] : [{ nodeId: NODE_ID, listeners: [{ name: 'PLAINTEXT', host: call.address.host, port: call.address.port }] }],
  }
})
