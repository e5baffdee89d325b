/** DescribeCluster (60), versions 0–2: one broker, which is the controller too. Endpoint type 2 (controllers) is not offered. */
import { OPERATIONS_UNKNOWN } from '../../wire/apis/03-metadata.ts'
import { describeCluster } from '../../wire/apis/60-describe-cluster.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { CLUSTER_OPERATIONS } from '../operations.ts'
import { NODE_ID } from '../options.ts'

const ENDPOINT_BROKERS = 1
const ENDPOINT_CONTROLLERS = 2

export const describeClusterHandler = handler(describeCluster, [0, 2], (core, request, call) => {
  const clusterAuthorizedOperations = request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_UNKNOWN
  const described = { clusterId: core.clusterId, controllerId: NODE_ID, brokers: [{ brokerId: NODE_ID, host: call.address.host, port: call.address.port }], clusterAuthorizedOperations }
  if (request.endpointType === ENDPOINT_BROKERS) return { errorCode: 0, ...described }
  const nothing = { clusterId: '', controllerId: -1, brokers: [], clusterAuthorizedOperations }
  if (request.endpointType !== ENDPOINT_CONTROLLERS) return { ...nothing, errorCode: errorCode('UNSUPPORTED_ENDPOINT_TYPE'), errorMessage: `Unsupported endpoint type ${request.endpointType}` }
  return { ...nothing, errorCode: errorCode('MISMATCHED_ENDPOINT_TYPE'), errorMessage: 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER' }
})
