/** DeleteGroups (42), versions 0–2: an empty group and its offsets go; NON_EMPTY_GROUP while it has members. */
import { deleteGroups } from '../../wire/apis/42-delete-groups.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const deleteGroupsHandler = handler(deleteGroups, [0, 2], async (core, request) => {
  const results = []
  for (const groupId of request.groupsNames) results.push({ groupId, errorCode: errorCode(await core.groups.deleteGroup(groupId)) })
  return { results }
})
