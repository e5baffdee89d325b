/** ListPartitionReassignments (46), version 0: with one node there never is one. */
import { listPartitionReassignments } from '../../wire/apis/46-list-partition-reassignments.ts'
import { handler } from '../handler.ts'

export const listPartitionReassignmentsHandler = handler(listPartitionReassignments, [0, 0], () => ({ errorCode: 0, errorMessage: null, topics: [] }))
