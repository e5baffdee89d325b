/** DescribeUserScramCredentials (50), version 0: of all users, or of those named; never more than mechanism and iterations. */
import { describeUserScramCredentials } from '../../wire/apis/50-describe-user-scram-credentials.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { ResponseInput } from '../../wire/schema.ts'
import { SCRAM_MECHANISMS } from '../../wire/scram.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { onceEach } from '../once-each.ts'

type Result = ResponseInput<typeof describeUserScramCredentials>['results'][number]

export const describeUserScramCredentialsHandler = handler(describeUserScramCredentials, [0, 0], (core, request) => {
  const names = request.users === null || request.users.length === 0 ? core.users.names() : request.users.map(user => user.name)
  return { errorCode: 0, errorMessage: '', results: onceEach(names, name => name).map(({ item, isRepeated }) => result(core, item, isRepeated)) }
})

function result(core: Core, user: string, isRepeated: boolean): Result {
  if (isRepeated) return { user, errorCode: errorCode('DUPLICATE_RESOURCE'), errorMessage: `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`, credentialInfos: [] }
  const credentials = core.users.of(user)
  if (credentials === undefined) return { user, errorCode: errorCode('RESOURCE_NOT_FOUND'), errorMessage: `Attempt to describe a user credential that does not exist: ${user}`, credentialInfos: [] }
  return { user, errorCode: 0, errorMessage: '', credentialInfos: [...credentials].map(([mechanism, { iterations }]) => ({ mechanism: SCRAM_MECHANISMS[mechanism].type, iterations })) }
}
