/** Properties files, the form in which programs of the JVM read their settings. Pure. */

/** As `java.util.Properties` reads it: backslash, line ends and what is not Latin-1 are escaped. */
export function propertiesText(config: Readonly<Record<string, string>>): string {
  const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
    .replaceAll(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const name = (text: string): string => escaped(text).replaceAll(/[ :=#!]/g, char => `\\${char}`)
  return Object.entries(config).map(([key, value]) => `${name(key)}=${escaped(value).replace(/^ /, '\\ ')}\n`).join('')
}
