/** Runs the ledger's verifiers as a reader would: as processes that share nothing with Millrace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LedgerAccount, parseAccount } from '../../src/http/ledger.ts'
import { PYTHON_PACKAGES, ROOT } from './need.ts'
import { runCommand } from './processes.ts'

export interface BalanceSpec {
  readonly name: string
  readonly group: string
  readonly in: { readonly topic: string, readonly id: string }
  readonly out: { readonly topic: string, readonly id: string, readonly order?: string }
}

export interface Verdict {
  readonly exitCode: number | null
  readonly account: LedgerAccount
}

/** Recounts with kafkajs on Node, or with librdkafka in Python. Throws with its output where it could not finish. */
export async function verifyLedger(client: 'node' | 'python', bootstrap: string, balances: readonly BalanceSpec[], timeoutSeconds = 90, patienceSeconds = 30): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-ledger-'))
  const file = join(folder, 'ledger.json')
  writeFileSync(file, JSON.stringify({ balances }))
  const args = ['--bootstrap', bootstrap, '--ledger', file, '--timeout', String(timeoutSeconds)]
  try {
    const ran = client === 'node'
      ? await runCommand(process.execPath, [join(ROOT, 'ledger', 'verify.mjs'), ...args, '--patience', String(patienceSeconds)], { timeoutMs: timeoutSeconds * 1500 })
      : await runCommand('python3', [join(ROOT, 'ledger', 'verify.py'), ...args], { timeoutMs: timeoutSeconds * 1500, env: { PYTHONPATH: PYTHON_PACKAGES } })
    const account = parseAccount(ran.stdout.trim().split('\n').at(-1) ?? '')
    if (account === undefined) throw new Error(`the ${client} verifier ended with ${ran.exitCode ?? ran.signal} and no account\n${ran.stdout}\n${ran.stderr}`)
    return { exitCode: ran.exitCode, account }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
