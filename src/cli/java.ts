/** Finds Java as engines will: `$JAVA_HOME/bin/java` where it is set, else `java` by PATH. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { type Java, parseJavaVersion } from '../engines/install/java.ts'

export async function findJava(environment: Readonly<Record<string, string | undefined>>): Promise<Java | undefined> {
  const home = environment['JAVA_HOME']
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
  const text = await new Promise<string>(resolve => execFile(command, ['-version'], { timeout: 20_000 }, (error, stdout, stderr) => resolve(error === null ? `${stderr}${stdout}` : '')))
  const version = parseJavaVersion(text)
  return version === undefined ? undefined : { command, ...version }
}
