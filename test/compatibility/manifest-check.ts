/** What makes a manifest unfit to be shown: a row without a test, a test that no source has, a version that is not the one in use. */
import type { Clients, Row } from './clients.ts'

/** Texts of files, from the repository's root; undefined where there is none. */
export type Sources = (file: string) => string | undefined

export function problemsOf(clients: Clients, sources: Sources): string[] {
  const titles = new Map<string, readonly RegExp[] | undefined>()
  const titlesIn = (file: string): readonly RegExp[] | undefined => {
    if (!titles.has(file)) titles.set(file, titlesOf(sources(file)))
    return titles.get(file)
  }
  return Object.entries(clients).flatMap(([client, rows]) => {
    // The type says that there is one; data need not.
    const given: readonly Row[] = rows
    return [...given.length === 0 ? [`${client}: no row`] : [], ...given.flatMap(row => problemsOfRow(row, titlesIn, sources).map(problem => `${client}, ${row.what}: ${problem}`))]
  })
}

function problemsOfRow(row: Row, titlesIn: (file: string) => readonly RegExp[] | undefined, sources: Sources): string[] {
  const problems = sources(row.pin.file)?.includes(row.pin.text) === true ? [] : [`${row.pin.file} does not say ${row.pin.text}`]
  if (row.kind === 'untested') return row.why === '' ? [...problems, 'no test, and no reason'] : problems
  if (row.tests.length === 0) problems.push('no test is named')
  for (const { file, name } of row.tests) {
    const found = titlesIn(file)
    if (found === undefined) problems.push(`there is no ${file}`)
    else if (!found.some(title => title.test(name))) problems.push(`${file} has no test '${name}'`)
  }
  return problems
}

/** The names of tests in a source; what is filled in at run time may be anything. */
function titlesOf(source: string | undefined): RegExp[] | undefined {
  if (source === undefined) return undefined
  return [...source.matchAll(/\b(?:test|it)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g)].map(([, single, double, template]) => {
    const parts = template === undefined ? [single ?? double ?? ''] : template.split(/\$\{[^}]*\}/)
    return new RegExp(`^${parts.map(part => part.replace(/\\(.)/g, '$1').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`)
  })
}
