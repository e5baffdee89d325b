/** What a user says of a program for a JVM, checked: the same for every engine whose tasks are programs. */
import { MillraceError } from '../base/errors.ts'
import type { JvmProgram } from '../topology/foreign.ts'

export interface JvmOptions {
  /** A `.java` file: compiled by the JVM as it starts (needs a JDK), with the distribution on its class path. */
  readonly source?: string | undefined
  /** Or a jar: what it does not bring itself comes from the distribution. */
  readonly jar?: string | undefined
  /** The class to run: of `jar` (without it the one its manifest names), or of `classPath`. */
  readonly mainClass?: string | undefined
  /** Further jars and folders. */
  readonly classPath?: readonly string[] | undefined
  /** `{config}` in one becomes the path of the properties file. */
  readonly args?: readonly string[] | undefined
  /** Processes; 1 without it. */
  readonly instances?: number | undefined
  /** `['-Xmx256m']` without it. */
  readonly javaOptions?: readonly string[] | undefined
}

/** The fields of a spec that come from these options. `engine`: the function that was called, for its messages. */
export function jvmFields(engine: string, options: JvmOptions): { readonly program: JvmProgram; readonly args: readonly string[]; readonly instances: number; readonly javaOptions: readonly string[] } {
  const { instances = 1, args = [], javaOptions = ['-Xmx256m'] } = options
  if (!Number.isInteger(instances) || instances < 1) throw new MillraceError('TOPOLOGY_INVALID', `${engine}({ instances }): a whole number of at least 1, not ${instances}`)
  return { program: programOf(engine, options), args, instances, javaOptions }
}

function programOf(engine: string, { source, jar, mainClass, classPath = [] }: JvmOptions): JvmProgram {
  if (source !== undefined && jar !== undefined) throw new MillraceError('TOPOLOGY_INVALID', `${engine}({ source, jar }): one of the two`)
  if (source !== undefined) return { kind: 'source', path: source, classPath }
  if (jar !== undefined) return { kind: 'jar', path: jar, mainClass, classPath }
  if (mainClass !== undefined) return { kind: 'class', name: mainClass, classPath }
  throw new MillraceError('TOPOLOGY_INVALID', `${engine}() needs what to run: { source: "Trend.java" }, { jar: "trend.jar" } or { mainClass, classPath }`)
}
