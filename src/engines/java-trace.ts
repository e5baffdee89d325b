/** What a JVM prints when something was thrown. Pure. */

/** The innermost cause of a Java stack trace, in one line. */
export function causeOf(trace: string | undefined): string | undefined {
  const lines = (trace ?? '').split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('at ') && !line.startsWith('... '))
  const causes = lines.filter(line => line.startsWith('Caused by: '))
  return (causes.at(-1)?.slice('Caused by: '.length) ?? lines.find(line => !line.startsWith('<Exception'))) ?? undefined
}
