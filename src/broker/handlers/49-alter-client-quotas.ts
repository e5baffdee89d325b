/** AlterClientQuotas (49), versions 0–1: quotas are checked, kept and told, and not enforced here. */
import { alterClientQuotas } from '../../wire/apis/49-alter-client-quotas.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const alterClientQuotasHandler = handler(alterClientQuotas, [0, 1], async (core, request) => {
  const entries = []
  for (const { entity, ops } of request.entries) {
    const problem = core.quotas.problem(entity, ops)
    if (problem === undefined && !request.validateOnly) await core.quotas.change(entity, ops)
    entries.push({ errorCode: errorCode(problem?.error ?? 'NONE'), errorMessage: problem?.message ?? null, entity })
  }
  return { entries }
})
