/** What `java -version` says, and whether it is enough. */

export interface Java {
  /** The program that was asked. */
  readonly command: string
  /** `17.0.15`, `1.8.0_392` */
  readonly version: string
  /** 17, 8 */
  readonly major: number
}

/** From the text that `java -version` prints (on stderr); `undefined` where it names no version. */
export function parseJavaVersion(text: string): { readonly version: string, readonly major: number } | undefined {
  const version = /version "([^"]+)"/.exec(text)?.[1]
  // Up to Java 8 the release is the second number: 1.8.0_392.
  const major = Number(/^(?:1\.)?(\d+)/.exec(version ?? '')?.[1])
  return version === undefined || Number.isNaN(major) ? undefined : { version, major }
}

/** What stands in the way of running something that needs Java `needed`; `undefined` where nothing does. */
export function javaShortfall(needed: number, found: Java | undefined): string | undefined {
  if (needed === 0 || (found !== undefined && found.major >= needed)) return undefined
  const what = found === undefined ? 'none' : `Java ${found.version} (${found.command})`
  return `Java ${needed} or later is needed to run it; found ${what}. Install a JDK ${needed} (Debian: apt install openjdk-${needed}-jdk-headless) or set JAVA_HOME to one.`
}
