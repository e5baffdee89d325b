/**
 * CreateAcls (30), versions 1–3.
 *
 * Behaviour: what is valid is kept durably before the answer, what is not is refused on its own; one that is there already stays. Without an
 * authorizer: SECURITY_DISABLED.
 */
import { messageOf } from '../../base/errors.ts'
import { createAcls } from '../../wire/apis/30-create-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { entryProblem } from '../authorization/acl.ts'
import type { AclEntry } from '../authorization/acl.ts'
import { ENTRIES_MAX } from '../authorization/authorizer.ts'
import { handler } from '../handler.ts'

export const createAclsHandler = handler(createAcls, [1, 3], async (core, request) => {
  const { authorizer } = core
  if (authorizer === undefined) return { results: request.creations.map(() => ({ errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.' })) }
  const entries = request.creations.map(({ resourcePatternType, ...rest }): AclEntry => ({ ...rest, patternType: resourcePatternType }))
  const problems = entries.map(entry => entryProblem(entry))
  const valid = entries.filter((_entry, index) => problems[index] === undefined)
  let failure: string | undefined
  if (authorizer.count + valid.length > ENTRIES_MAX) failure = `There would be more than ${ENTRIES_MAX} access control entries.`
  else if (valid.length > 0) await authorizer.create(valid).catch((error: unknown) => { failure = messageOf(error) })
  return {
    results: problems.map(problem => problem !== undefined ? { errorCode: errorCode('INVALID_REQUEST'), errorMessage: problem }
      : failure !== undefined ? { errorCode: errorCode('KAFKA_STORAGE_ERROR'), errorMessage: failure } : { errorCode: 0, errorMessage: null }),
  }
})
