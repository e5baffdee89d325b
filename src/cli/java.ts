/** Finds Java as engines will: `$JAVA_HOME/bin/java` where it is set, else `java` by PATH. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import { type Java, javaShortfall, parseJavaVersion } from '../engines/install/java.ts'

type Environment = Readonly<Record<string, string | undefined>>

export async function findJava(environment: Environment): Promise<Java | undefined> {
  const home = environment['JAVA_HOME']
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
  const text = await new Promise<string>(resolve => execFile(command, ['-version'], { timeout: 20_000 }, (error, stdout, stderr) => resolve(error === null ? `${stderr}${stdout}` : '')))
  const version = parseJavaVersion(text)
  return version === undefined ? undefined : { command, ...version }
}

/** The `java` to run, of at least version `major`. Rejects with `ENGINE_MISSING` and what to install. */
export async function requireJava(major: number, environment: Environment): Promise<string> {
  const java = await findJava(environment)
  const shortfall = javaShortfall(major, java)
  if (java === undefined || shortfall !== undefined) throw new MillraceError('ENGINE_MISSING', shortfall ?? 'No Java was found.')
  return java.command
}
