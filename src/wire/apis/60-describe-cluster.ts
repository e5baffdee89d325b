/**
 * DescribeCluster (60): brokers, controller and cluster id.
 *
 * Version notes: v0 is flexible already · v1 endpoint type (KIP-919; 1 brokers, 2 controllers) · v2 fenced brokers.
 */
import { OPERATIONS_UNKNOWN } from './03-metadata.ts'
import { array, bool, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    includeClusterAuthorizedOperations: field(bool, { default: false }),
    endpointType: field(int8, { versions: '1+', default: 1 }),
    includeFencedBrokers: field(bool, { versions: '2+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: field(nullableString, { default: null }),
    endpointType: field(int8, { versions: '1+', default: 1 }),
    clusterId: string,
    controllerId: field(int32, { default: -1 }),
    brokers: array(struct({
      brokerId: int32,
      host: string,
      port: int32,
      rack: field(nullableString, { default: null }),
      isFenced: field(bool, { versions: '2+', default: false }),
    })),
    clusterAuthorizedOperations: field(int32, { default: OPERATIONS_UNKNOWN }),
  }),
})
