/** What a user says of a program for a JVM, checked: the same for every engine whose tasks are programs. */
import { MillraceError } from '../base/errors.ts'
import type { JvmProgram } from '../topology/foreign.ts'
import { countOf } from './count-of.ts'

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
  /** `['-Xmx256m']` without it. */
  readonly javaOptions?: readonly string[] | undefined
}

/** The fields of a spec that come from these options. `engine`: the function that was called, for its messages. */
export function jvmFields(engine: string, options: JvmOptions): { readonly program: JvmProgram; readonly args: readonly string[]; readonly javaOptions: readonly string[] } {
  const { args = [], javaOptions = ['-Xmx256m'] } = options
  return { program: programOf(engine, options), args, javaOptions }
}

/** Of an engine that shares no work between JVMs. */
export interface SoleJvmOptions extends JvmOptions {
  /** Threads that share its partitions: of Storm the executors of each spout and bolt, of Samza the tasks that run at once. 1 without it. */
  readonly parallelism?: number | undefined
}

export function soleJvmFields(engine: string, options: SoleJvmOptions): ReturnType<typeof jvmFields> & { readonly parallelism: number } {
  return { ...jvmFields(engine, options), parallelism: countOf(engine, 'parallelism', options.parallelism ?? 1) }
}

function programOf(engine: string, { source, jar, mainClass, classPath = [] }: JvmOptions): JvmProgram {
  if (source !== undefined && jar !== undefined) throw new MillraceError('TOPOLOGY_INVALID', `${engine}({ source, jar }): one of the two`)
  if (source !== undefined) return { kind: 'source', path: source, classPath }
  if (jar !== undefined) return { kind: 'jar', path: jar, mainClass, classPath }
  if (mainClass !== undefined) return { kind: 'class', name: mainClass, classPath }
  throw new MillraceError('TOPOLOGY_INVALID', `${engine}() needs what to run: { source: "Trend.java" }, { jar: "trend.jar" } or { mainClass, classPath }`)
}
