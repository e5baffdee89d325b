/** The account that `ledger/verify.mjs` prints: the shape only; the counting is done by that process, which imports nothing of ours. */
export interface Balance {
  readonly name: string
  readonly in: number
  readonly counted: number
  readonly pending: number
  readonly lost: number
  readonly doubled: number
  readonly foreign: number
  readonly outOfOrder: number
  readonly examples: readonly string[]
}

export interface LedgerAccount {
  readonly balanced: boolean
  readonly balances: readonly Balance[]
}

/** A line of the verifier's output, or `undefined` where it is something else. */
export function parseAccount(line: string): LedgerAccount | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed !== 'object' || parsed === null || !('balances' in parsed) || !Array.isArray(parsed.balances) || !('balanced' in parsed)) return undefined
    // The verifier's own format, versioned with this repository.
    return parsed as LedgerAccount
  } catch {
    return undefined
  }
}
