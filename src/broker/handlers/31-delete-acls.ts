/** DeleteAcls (31), versions 1–3: takes away what each filter chooses, durably before the answer, and names it. Without an authorizer: SECURITY_DISABLED. */
import { messageOf } from '../../base/errors.ts'
import { deleteAcls } from '../../wire/apis/31-delete-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { filterProblem, isChosen } from '../authorization/acl.ts'
import { handler } from '../handler.ts'

export const deleteAclsHandler = handler(deleteAcls, [1, 3], async (core, request) => {
  const { authorizer } = core
  if (authorizer === undefined) return { filterResults: request.filters.map(() => ({ errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.', matchingAcls: [] })) }
  const entries = authorizer.list()
  const chosen = request.filters.map(filter => {
    const problem = filterProblem(filter)
    return { problem, entries: problem === undefined ? entries.filter(entry => isChosen(entry, filter)) : [] }
  })
  const all = chosen.flatMap(each => each.entries)
  let failure: string | undefined
  if (all.length > 0) await authorizer.remove(all).catch((error: unknown) => { failure = messageOf(error) })
  return {
    filterResults: chosen.map(({ problem, entries: removed }) => {
      if (problem !== undefined) return { errorCode: errorCode('INVALID_REQUEST'), errorMessage: problem, matchingAcls: [] }
      const outcome = failure === undefined ? { errorCode: 0, errorMessage: null } : { errorCode: errorCode('KAFKA_STORAGE_ERROR'), errorMessage: failure }
      return { errorCode: 0, errorMessage: null, matchingAcls: removed.map(entry => ({ ...outcome, ...entry })) }
    }),
  }
})
