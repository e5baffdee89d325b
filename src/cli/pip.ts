/**
 * Python packages of an engine, by the machine's own pip: it knows its user's index, proxy and certificates.
 *
 * Versions and SHA-256 are locked: pip refuses another file. Nothing is installed into the user's own Python.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import type { WheelLock } from '../engines/install/manifest.ts'

export async function installWheels(wheels: readonly WheelLock[], directory: string, signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pip-'))
  try {
    const requirements = join(folder, 'requirements.txt')
    writeFileSync(requirements, wheels.map(wheel => `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`).join(''))
    const titles = wheels.map(wheel => `${wheel.name} ${wheel.version}`).join(', ')
    const ran = await run(['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--require-hashes', '--target', directory, '--requirement', requirements], signal)
    signal.throwIfAborted()
    if (ran.missing) throw new MillraceError('CONFIG_INVALID', `${titles}: Python 3 with pip is needed; found none. Install it (Debian: apt install python3-pip) and run the command again.`)
    if (!ran.ok) throw new MillraceError('DOWNLOAD_FAILED', `pip could not install ${titles}:\n${ran.text.trim().split('\n').slice(-12).join('\n')}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(args: readonly string[], signal: AbortSignal): Promise<{ readonly ok: boolean, readonly missing: boolean, readonly text: string }> {
  return new Promise(resolve => execFile('python3', args, { signal, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
    const text = `${stdout}${stderr}`
    resolve({ ok: error === null, missing: error !== null && (error.code === 'ENOENT' || /No module named pip/.test(text)), text })
  }))
}
