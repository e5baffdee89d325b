/**
 * AlterUserScramCredentials (51), version 0.
 *
 * Behaviour: one change for each user and mechanism; what is refused of a user leaves all of that user as it was. The answer comes when
 * the users' file is durable. A new credential counts from the next log-in on.
 */
import { messageOf } from '../../base/errors.ts'
import { alterUserScramCredentials } from '../../wire/apis/51-alter-user-scram-credentials.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf } from '../../wire/schema.ts'
import { credentialOf, ITERATIONS_MAX, ITERATIONS_MIN, SCRAM_MECHANISMS } from '../../wire/scram.ts'
import type { ScramMechanism } from '../../wire/scram.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { MECHANISMS } from '../security/users.ts'
import type { CredentialChange } from '../security/users.ts'

type Request = RequestOf<typeof alterUserScramCredentials>
type Problem = readonly [KafkaErrorName, string]

export const alterUserScramCredentialsHandler = handler(alterUserScramCredentials, [0, 0], async (core, request) => {
  const problems = problemsOf(core, request)
  const changes: CredentialChange[] = []
  for (const { name, mechanism } of request.deletions) {
    const known = mechanismOf(mechanism)
    if (known !== undefined && !problems.has(name)) changes.push({ user: name, mechanism: known, credential: undefined })
  }
  for (const { name, mechanism, iterations, salt, saltedPassword } of request.upsertions) {
    const known = mechanismOf(mechanism)
    // The frame's memory is not kept.
    if (known !== undefined && !problems.has(name)) changes.push({ user: name, mechanism: known, credential: credentialOf(known, Buffer.from(saltedPassword), Buffer.from(salt), iterations) })
  }
  const users = [...new Set([...request.deletions, ...request.upsertions].map(each => each.name))]
  let failure: string | undefined
  if (changes.length > 0) await core.users.alter(changes).catch((error: unknown) => { failure = messageOf(error) })
  return {
    results: users.map(user => {
      const [error, message] = problems.get(user) ?? (failure === undefined ? ['NONE', null] as const : ['KAFKA_STORAGE_ERROR', failure] as const)
      return { user, errorCode: errorCode(error), errorMessage: message }
    }),
  }
})

function mechanismOf(type: number): ScramMechanism | undefined {
  return MECHANISMS.find(mechanism => SCRAM_MECHANISMS[mechanism].type === type)
}

function problemsOf(core: Core, { deletions, upsertions }: Request): Map<string, Problem> {
  const problems = new Map<string, Problem>()
  const seen = new Set<string>()
  const note = (user: string, problem: Problem | undefined): void => {
    // As Apache Kafka 4.1: also where the two are of different mechanisms.
    if (seen.has(user)) problems.set(user, ['DUPLICATE_RESOURCE', 'A user credential cannot be altered twice in the same request'])
    else if (problem !== undefined && !problems.has(user)) problems.set(user, problem)
    seen.add(user)
  }
  for (const { name, mechanism, iterations } of upsertions) note(name, upsertionProblem(name, mechanism, iterations))
  for (const { name, mechanism } of deletions) note(name, deletionProblem(core, name, mechanism))
  return problems
}

function upsertionProblem(name: string, mechanism: number, iterations: number): Problem | undefined {
  if (name === '') return ['UNACCEPTABLE_CREDENTIAL', 'Username must not be empty']
  if (mechanismOf(mechanism) === undefined) return ['UNSUPPORTED_SASL_MECHANISM', 'Unknown SCRAM mechanism']
  if (iterations < ITERATIONS_MIN) return ['UNACCEPTABLE_CREDENTIAL', 'Too few iterations']
  return iterations > ITERATIONS_MAX ? ['UNACCEPTABLE_CREDENTIAL', 'Too many iterations'] : undefined
}

function deletionProblem(core: Core, name: string, mechanism: number): Problem | undefined {
  if (name === '') return ['UNACCEPTABLE_CREDENTIAL', 'Username must not be empty']
  const known = mechanismOf(mechanism)
  if (known === undefined) return ['UNSUPPORTED_SASL_MECHANISM', 'Unknown SCRAM mechanism']
  return core.users.find(name, known) === undefined ? ['RESOURCE_NOT_FOUND', 'Attempt to delete a user credential that does not exist'] : undefined
}
